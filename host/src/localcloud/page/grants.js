// What agents may do without asking, as rows for people: of the host in the same process, and of this cloud. Pure.

import { reachWords } from "./approvals.js";
import { cleanLabel } from "./text.js";

const MINUTE_MS = 60_000;
/** The longest words for what a grant covers. */
const COVERS_LIMIT = 1_000;

/** A row: {key, id, who, covers, scope, since, ends}, and the installation for one of the cloud's. */
export function hostRows(grants, sessions, now) {
  const named = grants.filter((one) => typeof one?.id === "string");
  return named.map((one) => ({
    key: `host ${one.id}`, id: one.id, installation_id: null, who: cleanLabel(one.agent, 60) || "An agent",
    covers: cleanLabel(one.covers, COVERS_LIMIT) || "not told", scope: scopeOf(one.scope, one.session_id, null, sessions),
    since: timeOf(one.created_at), ends: endWords(one.until, one.uses_left, now),
  }));
}

/** The rows of what the user allowed always on this cloud, by installation. */
export function cloudRows(installations, sessions, nameOf) {
  return installations.flatMap((installation) => {
    const grants = Array.isArray(installation.approval_grants) ? installation.approval_grants : [];
    return grants.filter((one) => typeof one?.grant_id === "string").map((one) => {
      const { scope_value: value } = one;
      return {
        key: `cloud ${one.grant_id}`, id: one.grant_id, installation_id: installation.installation_id,
        who: nameOf(installation), covers: cleanLabel(one.title || one.action, COVERS_LIMIT) || "not told",
        scope: scopeOf(one.scope, one.scope === "session" ? value : null, value, sessions),
        since: timeOf(one.created_at), ends: endWords(null, null, 0),
      };
    });
  });
}

function timeOf(value) {
  return Number.isFinite(value) ? value : 0;
}

function scopeOf(scope, sessionId, host, sessions) {
  if (!sessionId) return reachWords(scope === "session" ? "all" : scope, cleanLabel(host, 100));
  const session = sessions.get(sessionId);
  if (!session) return "in one chat, which is gone";
  return `in the chat “${cleanLabel(session.title, 60) || "New chat"}”`;
}

/** When a grant ends: by time, by uses, or when it is revoked. */
export function endWords(until, usesLeft, now) {
  const parts = [];
  if (Number.isFinite(until)) parts.push(`ends in ${spanWords(until - now)}`);
  if (Number.isFinite(usesLeft)) parts.push(usesLeft === 1 ? "one use left" : `${usesLeft} uses left`);
  return parts.length > 0 ? parts.join(", ") : "until you revoke it";
}

function spanWords(ms) {
  const minutes = Math.max(1, Math.ceil(ms / MINUTE_MS));
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.round(hours / 24)} days`;
}
