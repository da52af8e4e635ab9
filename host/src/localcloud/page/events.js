// What each event of the stream does to the state. One function an event; the reducer has already dropped repeats.

import { dropApproval, foldOutcome, normalizeOutcome, putApproval } from "./approvals.js";
import { foldDelta, foldEnd, foldMessage, foldTask, normalizeMessage, normalizeTask, stubMessage } from "./messages.js";

/** A chat keeps at most this many tasks without a bubble; more is not a turn that anybody reads. */
const EARLY_TASKS = 200;

const TASK_STATUS = {
  task_created: "running", task_progress: "running", task_completed: "completed", task_failed: "failed",
  task_cancelled: "cancelled",
};

/** Event name to fold function. Names that are missing here are unknown and do nothing. */
export const EVENTS = {
  message_added: (state, data) => addMessage(touch(state, data), data),
  message_delta: (state, data) => {
    if (typeof data.delta !== "string") return state;
    return editMessage(state, data, (message) => foldDelta(message, data.delta));
  },
  message_finalized: (state, data) => {
    const next = touch(editMessage(state, data, (message) => foldEnd(message, data)), data);
    return data.session_id === state.open ? next : markUnread(next, data.session_id);
  },
  session_created: putSession,
  session_renamed: putSession,
  session_updated: putSession,
  session_deleted: dropSession,
  approval_requested: putApproval,
  approval_resolved: (state, data) => putOutcome(dropApproval(state, data), data),
  installation_created: putInstallation,
  installation_updated: putInstallation,
  installation_revoked: (state, data) => {
    const installations = new Map(state.installations);
    installations.delete(data.installation_id);
    return { ...state, installations, fresh: freshWith(state, "installations", data.installation_id, null) };
  },
  ...Object.fromEntries(Object.keys(TASK_STATUS).map((name) => [name, (state, data) => putTask(state, data, name)])),
};

/** All names a stream must be asked for, with the two that only the connection cares about. */
export const EVENT_NAMES = ["hello", "heartbeat", "snapshot_required", ...Object.keys(EVENTS)];

function putSession(state, session) {
  if (typeof session.session_id !== "string") return state;
  const { ts, ...rest } = session;
  const known = state.sessions.get(session.session_id);
  const sessions = new Map(state.sessions).set(session.session_id, { ...known, ...rest });
  const fresh = freshWith(state, "sessions", session.session_id, sessions.get(session.session_id));
  return { ...state, sessions, fresh };
}

function dropSession(state, { session_id }) {
  const known = state.sessions.get(session_id);
  const sessions = new Map(state.sessions);
  const chats = new Map(state.chats);
  sessions.delete(session_id);
  chats.delete(session_id);
  const approvals = new Map([...state.approvals].filter(([, one]) => one.session_id !== session_id));
  const fresh = freshWith(state, "sessions", session_id, null);
  const isOpen = state.open === session_id;
  const gone = isOpen ? { session_id, title: known?.title ?? null } : state.gone;
  return { ...state, sessions, chats, approvals, fresh, open: isOpen ? null : state.open, gone };
}

function putInstallation(state, data) {
  if (typeof data.installation_id !== "string") return state;
  const { ts, ...rest } = data;
  const known = state.installations.get(data.installation_id);
  const one = { ...known, ...rest };
  const installations = new Map(state.installations).set(data.installation_id, one);
  return { ...state, installations, fresh: freshWith(state, "installations", data.installation_id, one) };
}

/** Notes what the stream said about one thing; null when it is gone. */
function freshWith(state, kind, id, value) {
  return { ...state.fresh, [kind]: new Map(state.fresh[kind]).set(id, value) };
}

/** A message moves its session up the list, even if the server's own session event comes later or not at all. */
function touch(state, data) {
  const session = state.sessions.get(data.session_id);
  const at = Number.isFinite(data.ts) ? data.ts : 0;
  if (!session || at <= (session.last_activity_at ?? 0)) return state;
  const sessions = new Map(state.sessions).set(data.session_id, { ...session, last_activity_at: at });
  return { ...state, sessions };
}

function markUnread(state, id) {
  return state.sessions.has(id) ? { ...state, unread: new Set(state.unread).add(id) } : state;
}

function addMessage(state, data) {
  const chat = state.chats.get(data.session_id);
  const message = normalizeMessage(data);
  if (!chat || !message) return state;
  const at = chat.list.findLastIndex((m) => m.message_id === message.message_id);
  const local = chat.list[at];
  const [folded, early] = takeEarly(chat, foldMessage(local, message));
  const list = local ? chat.list.with(at, folded) : [...chat.list, folded];
  return putChat(endWaiting(state, folded), data.session_id, { ...chat, list, early });
}

/** Changes one bubble; an unknown one is made first, since an event may overtake its `message_added`. */
function editMessage(state, data, edit) {
  const chat = state.chats.get(data.session_id);
  if (!chat || typeof data.message_id !== "string") return state;
  const at = chat.list.findLastIndex((m) => m.message_id === data.message_id);
  const local = chat.list[at] ?? stubMessage(data);
  if (!local) return state;
  const [edited, early] = takeEarly(chat, edit(local));
  if (edited === chat.list[at]) return state;
  const list = at < 0 ? [...chat.list, edited] : chat.list.with(at, edited);
  return putChat(endWaiting(state, edited), data.session_id, { ...chat, list, early });
}

/** Tasks that came before their bubble wait in `chat.early` and move in as soon as it is there. */
function takeEarly(chat, message) {
  const early = chat.early ?? [];
  const isMine = (entry) => message.role === "agent" && belongs(message, entry);
  const mine = early.filter(isMine);
  if (mine.length === 0) return [message, early];
  const tasks = mine.reduce((all, entry) => foldTask(all, entry.task), message.tasks);
  return [{ ...message, tasks }, early.filter((entry) => !isMine(entry))];
}

function belongs(message, { message_id, interaction_id }) {
  if (message_id) return message.message_id === message_id;
  return Boolean(interaction_id) && message.interaction_id === interaction_id;
}

function putTask(state, data, name) {
  const chat = state.chats.get(data.session_id);
  const task = normalizeTask({ status: TASK_STATUS[name], ...data });
  if (!chat || !task) return state;
  const entry = { message_id: data.message_id ?? null, interaction_id: data.interaction_id ?? null, task };
  const at = chat.list.findLastIndex((m) => m.role === "agent"
    && (belongs(m, entry) || m.tasks.some((one) => one.task_id === task.task_id)));
  if (at < 0) {
    const early = [...(chat.early ?? []), entry].slice(-EARLY_TASKS);
    return putChat(state, data.session_id, { ...chat, early });
  }
  const message = chat.list[at];
  const list = chat.list.with(at, { ...message, tasks: foldTask(message.tasks, task) });
  return putChat(state, data.session_id, { ...chat, list });
}

/** What became of a question stays in the bubble that it was asked in. One that is not there yet brings it along. */
function putOutcome(state, data) {
  const chat = state.chats.get(data.session_id);
  const outcome = normalizeOutcome(data);
  if (!chat || !outcome) return state;
  const at = chat.list.findLastIndex((m) => m.role === "agent" && belongs(m, outcome));
  if (at < 0) return state;
  const message = chat.list[at];
  const list = chat.list.with(at, { ...message, outcomes: foldOutcome(message.outcomes, outcome) });
  return putChat(state, data.session_id, { ...chat, list });
}

function endWaiting(state, message) {
  if (message.role !== "agent" || state.waiting.get(message.session_id) !== message.interaction_id) return state;
  const waiting = new Map(state.waiting);
  waiting.delete(message.session_id);
  return { ...state, waiting };
}

function putChat(state, id, chat) {
  return { ...state, chats: new Map(state.chats).set(id, chat) };
}
