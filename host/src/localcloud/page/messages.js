// Pure folding of one message and its tasks: what a whole message, a delta, an end or a task event does to a bubble.

import { foldOutcome, normalizeOutcome } from "./approvals.js";
import { joinTail } from "./text.js";

/** Deltas after a snapshot that are still compared with it; later ones are plainly appended. */
const TAIL_LIMIT = 64;
const ENDED = new Set(["completed", "failed", "cancelled"]);

const string = (value) => (typeof value === "string" ? value : "");
const object = (value) => (value !== null && typeof value === "object" ? value : null);

/** Milliseconds since the epoch from a number or an ISO-8601 string; 0 if it is neither. */
export function timeMs(value) {
  if (Number.isFinite(value)) return value;
  const parsed = Date.parse(string(value));
  return Number.isNaN(parsed) ? 0 : parsed;
}

/** A message of the wire in the shape the page works with; null without its ids. */
export function normalizeMessage(raw) {
  if (!string(raw?.message_id) || !string(raw.session_id)) return null;
  const listed = (list, read) => (Array.isArray(list) ? list.map(read).filter(Boolean) : []);
  return {
    message_id: raw.message_id, session_id: raw.session_id, interaction_id: string(raw.interaction_id) || null,
    role: raw.role === "user" ? "user" : "agent", text: string(raw.text), attachments: raw.attachments ?? [],
    state: raw.state === "streaming" ? "streaming" : "final", created_at: timeMs(raw.created_at),
    usage: object(raw.usage), finish_reason: string(raw.finish_reason) || null,
    tasks: listed(raw.tasks, normalizeTask), outcomes: listed(raw.approvals, normalizeOutcome),
  };
}

/** A bubble made of an event that came before its `message_added`. `stub` says so until the message is there. */
export function stubMessage(data) {
  const message = normalizeMessage({ ...data, role: "agent", text: "", state: "streaming", created_at: data.ts });
  return message && { ...message, tasks: [], outcomes: [], stub: true, tail: [] };
}

/**
 * A whole message against the one that is here. A text that has ended never becomes streaming again, but a bubble
 * that was opened with its whole text does so with its first delta: the stream then tells it anew, with a longer text.
 * While a snapshot is on its way, deltas are also kept in `tail`; `base` is the snapshot's text, once there, and the
 * two are joined.
 */
export function foldMessage(local, incoming, isSnapshot = false) {
  const isStreaming = incoming.state === "streaming";
  if (!local) return isStreaming && isSnapshot ? { ...incoming, base: incoming.text, tail: [] } : incoming;
  const kept = {
    tasks: incoming.tasks.reduce(foldTask, local.tasks), outcomes: incoming.outcomes.reduce(foldOutcome, local.outcomes),
  };
  if (!isStreaming) return { ...incoming, ...kept };
  const isReopened = !isSnapshot && !local.ended && incoming.text.startsWith(local.text);
  if (local.state === "final" && isReopened) return { ...incoming, ...kept };
  if (local.state === "final") {
    const { text, state, usage, finish_reason } = local;
    return { ...incoming, text, state, usage, finish_reason, ...kept, ended: local.ended };
  }
  if (!isSnapshot && !local.stub && local.text.startsWith(incoming.text)) return { ...local, ...kept };
  const tail = local.tail ?? [];
  return { ...incoming, ...kept, base: incoming.text, tail, text: joinTail(incoming.text, tail) };
}

/** One more piece of text. A finished bubble takes none: the final text already holds it. */
export function foldDelta(message, delta) {
  if (message.state === "final") return message;
  const { base, tail, ...rest } = message;
  const text = message.text + delta;
  if (!tail) return { ...rest, text };
  const longer = [...tail, delta];
  if (base === undefined) return { ...rest, tail: longer, text };
  return tail.length >= TAIL_LIMIT ? { ...rest, text } : { ...rest, base, tail: longer, text: joinTail(base, longer) };
}

/** The end of a bubble: its text is canonical and replaces what was streamed. */
export function foldEnd(message, data) {
  const { base, tail, stub, ...rest } = message;
  const text = typeof data.text === "string" ? data.text : message.text;
  const finish_reason = string(data.finish_reason) || message.finish_reason;
  return { ...rest, text, state: "final", ended: true, usage: object(data.usage) ?? message.usage, finish_reason };
}

/** A task of the wire; null without an id. Only fields that are present are kept, so a partial event is a patch. */
export function normalizeTask(raw) {
  if (!string(raw?.task_id)) return null;
  const task = { task_id: raw.task_id };
  for (const name of ["kind", "status", "status_label", "args", "progress_percent", "partial_result", "result",
    "error", "offset", "created_at"]) {
    if (raw[name] !== undefined) task[name] = raw[name];
  }
  return task;
}

/** Adds or patches a task. An ended task does not run again, whatever arrives late; it only gains what it lacks. */
export function foldTask(tasks, incoming) {
  const at = tasks.findIndex((task) => task.task_id === incoming.task_id);
  if (at < 0) return [...tasks, { kind: "task", status: "running", offset: 0, ...incoming }];
  const local = tasks[at];
  const isLate = ENDED.has(local.status) && !ENDED.has(incoming.status);
  const known = Object.fromEntries(Object.entries(local).filter(([, value]) => value !== null));
  return tasks.with(at, isLate ? { ...incoming, ...known } : { ...local, ...incoming });
}
