// Questions to the user, as data: what the stream and the snapshot say of them, and which one is shown. Pure.

import { cleanLabel, revealBidi } from "./text.js";

/** At most this much of a command or of the agent's words is shown. */
const TEXT_LIMIT = 20_000;
const SEVERITIES = ["low", "medium", "high", "critical"];

/** A question made harmless, or null if it is none. */
export function normalizeApproval(data) {
  if (typeof data?.approval_id !== "string" || typeof data.session_id !== "string") return null;
  return {
    approval_id: data.approval_id, session_id: data.session_id, installation_id: data.installation_id ?? null,
    title: cleanLabel(data.title) || "The agent asks for leave", action: cleanLabel(data.action),
    command: block(data.command), host: cleanLabel(data.host), message: block(data.message),
    severity: SEVERITIES.includes(data.severity) ? data.severity : "critical",
    expires_at: Number.isFinite(data.expires_at) ? data.expires_at : Infinity,
    ts: Number.isFinite(data.ts) ? data.ts : 0,
  };
}

/** A text of several lines, in the order in which it would run. */
function block(value) {
  const text = typeof value === "string" ? value : "";
  return revealBidi(text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT)}\n… (cut)` : text);
}

export function putApproval(state, data) {
  const approval = normalizeApproval(data);
  if (!approval) return state;
  const approvals = new Map(state.approvals).set(approval.approval_id, approval);
  return { ...state, approvals, fresh: noted(state, approval.approval_id, approval) };
}

export function dropApproval(state, { approval_id }) {
  if (typeof approval_id !== "string") return state;
  const approvals = new Map(state.approvals);
  approvals.delete(approval_id);
  return { ...state, approvals, fresh: noted(state, approval_id, null) };
}

function noted(state, id, value) {
  return { ...state.fresh, approvals: new Map(state.fresh.approvals).set(id, value) };
}

/** The question to show: of the open chat before others, the oldest first; null if there is none. */
export function nextApproval(state, now) {
  const live = [...state.approvals.values()].filter((one) => one.expires_at > now);
  live.sort((a, b) => (b.session_id === state.open) - (a.session_id === state.open) || a.ts - b.ts);
  return live[0] ?? null;
}

/** The scopes that "always" can have for a question, narrowest first: {scope, label}. */
export function scopesOf(approval) {
  const scopes = [{ scope: "session", label: "In this chat" }];
  if (approval.host) scopes.push({ scope: "domain", label: `At ${approval.host}` });
  scopes.push({ scope: "all", label: "Everywhere" });
  return scopes;
}
