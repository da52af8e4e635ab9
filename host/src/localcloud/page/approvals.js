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

/** What a sophon-host pairs as. Its messages have a form; an agent behind another bridge cannot choose this name. */
const HOST = "sophon-host";
const SCOPES = ["session", "tool", "domain", "all"];
/**
 * The form: the agent's words on one line, a note of the host's, and a line for each scope. The documents give a question
 * no field for these; `fixtures/question.txt` is what a host sends, and tests hold both sides to it.
 */
const FORM = new RegExp(`^(?:The agent says: “(?<said>[^\\n]*)”\\n\\n)?(?:(?<note>[^]*)\\n\\n)?What “always” would cover:\\n${
  SCOPES.map((scope) => `${scope}: (?<${scope}>[^\\n]+)`).join("\\n")}$`);

/**
 * A message's parts: the agent's words, the host's note, and what each scope covers. Whatever is not in the form, or from
 * another bridge, is taken for the agent's words as a whole: nothing in it passes for the host's.
 */
export function readMessage(message, installation) {
  const found = installation?.connector_type === HOST ? FORM.exec(message)?.groups : null;
  if (!found) return { message, note: "", covers: {} };
  return { message: found.said ?? "", note: found.note ?? "",
    covers: Object.fromEntries(SCOPES.map((scope) => [scope, found[scope]])) };
}

/** A question that is over, made harmless; null if it is none, or if nothing is told but that it is over. */
export function normalizeOutcome(data) {
  if (typeof data?.approval_id !== "string" || typeof data.decision !== "string") return null;
  if (typeof data.title !== "string") return null;
  const number = (value) => (Number.isFinite(value) ? value : 0);
  return {
    approval_id: data.approval_id, message_id: data.message_id ?? null, interaction_id: data.interaction_id ?? null,
    title: cleanLabel(data.title) || "The agent asked for leave", command: block(data.command),
    host: cleanLabel(data.host), decision: data.decision, by: data.by ?? null, scope: data.scope ?? null,
    offset: number(data.offset), created_at: number(data.asked_at), resolved_at: number(data.resolved_at),
  };
}

/** What became of a question, in words, and how it looks: {words, tone}. What is not known is no leave. */
export function outcomeWords({ decision, by, scope, host }) {
  if (decision === "approve" && by === "grant") return { words: "Allowed by what you allowed always", tone: "good" };
  if (decision === "approve") return { words: "Allowed once", tone: "good" };
  if (decision === "approve_always") return { words: `Allowed always, ${reachWords(scope, host)}`, tone: "good" };
  if (decision === "expired") return { words: "Not answered in time, so not allowed", tone: "faint" };
  if (by === "stop") return { words: "Stopped before it was answered", tone: "faint" };
  if (by === "turn_over") return { words: "No longer needed: the turn ended before it was answered", tone: "faint" };
  return { words: "Denied", tone: "bad" };
}

/** How far an "always" reaches, in words. */
export function reachWords(scope, host) {
  if (scope === "session") return "in this chat";
  if (scope === "domain") return host ? `at ${host}` : "at this host";
  return scope === "all" ? "everywhere" : "for exactly this";
}

/** Adds an outcome to those of a bubble; it never changes, so one that is there stays. */
export function foldOutcome(outcomes, incoming) {
  return outcomes.some((one) => one.approval_id === incoming.approval_id) ? outcomes : [...outcomes, incoming];
}

/** How long a question still waits, such as `4:05`; nothing where no end is known. */
export function timeLeft(approval, now) {
  if (!Number.isFinite(approval.expires_at)) return "";
  const seconds = Math.max(0, Math.ceil((approval.expires_at - now) / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
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
  const scopes = [{ scope: "session", label: "In this chat" }, { scope: "tool", label: "For exactly this" }];
  if (approval.host) scopes.push({ scope: "domain", label: `At ${approval.host}` });
  scopes.push({ scope: "all", label: "Everywhere" });
  return scopes;
}
