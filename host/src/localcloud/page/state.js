// The pure reducer: (state, action) -> state. It knows neither fetch nor the DOM, and it folds every event so that
// duplicates, odd orders and unknown things do no harm. Unchanged parts keep their identity; the view relies on it.

import { foldVersions, normalizeHost } from "./agents.js";
import { normalizeApproval } from "./approvals.js";
import { EVENTS } from "./events.js";
import { foldMessage, normalizeMessage } from "./messages.js";

/**
 * `chats` holds only the sessions whose messages were asked for; events of others only touch the session list.
 * `fresh` records what the stream said about sessions, installations and approvals while a snapshot was on its way (null:
 * gone), so that an older snapshot cannot undo it. `waiting` maps a session to the interaction whose answer has not
 * begun. `host` is what the host in the same process tells of its agents; null where there is none.
 */
export function initialState() {
  return {
    user: null, ready: false, connection: "connecting", lastEventId: -1, open: null, gone: null,
    installations: new Map(), sessions: new Map(), fresh: nothingFresh(), chats: new Map(), waiting: new Map(),
    unread: new Set(), approvals: new Map(), host: null,
  };
}

function nothingFresh() {
  return { sessions: new Map(), installations: new Map(), approvals: new Map() };
}

/** Folds one action. Unknown actions return the state untouched. */
export function reduce(state, action) {
  return Object.hasOwn(ACTIONS, action.type) ? ACTIONS[action.type](state, action) : state;
}

const ACTIONS = {
  event: (state, action) => foldEvent(state, action),
  connection: (state, { value }) => (state.connection === value ? state : { ...state, connection: value }),
  snapshot_requested: (state) => ({ ...state, fresh: nothingFresh() }),
  snapshot: (state, action) => foldSnapshot(state, action),
  session: (state, { session }) => EVENTS.session_updated(state, session ?? {}),
  session_gone: (state, { session_id }) => EVENTS.session_deleted(state, { session_id }),
  approval_gone: (state, action) => EVENTS.approval_resolved(state, action),
  host: (state, { host }) => ({ ...state, host: normalizeHost(host) }),
  versions: (state, { session_id, versions }) => {
    const chat = state.chats.get(session_id);
    const known = foldVersions(chat?.versions, versions);
    return !chat || known === chat.versions ? state : withChat(state, session_id, { ...chat, versions: known });
  },
  open: (state, { session_id }) => openSession(state, session_id),
  messages_requested: (state, { session_id }) => beginLoad(state, session_id),
  messages_loaded: (state, action) => foldPage(state, action),
  messages_failed: (state, { session_id, reason }) => patchChat(state, session_id, { loading: false, failed: reason }),
  sent: (state, action) => foldSent(state, action),
  waiting_over: (state, { session_id }) => {
    if (!state.waiting.has(session_id)) return state;
    const waiting = new Map(state.waiting);
    waiting.delete(session_id);
    return { ...state, waiting };
  },
};

/** Event ids rise; one that is not above the last is a repeat. A new connection (hello) or a gap starts over. */
function foldEvent(state, { name, id, data }) {
  if (name === "hello" || name === "snapshot_required") return { ...state, lastEventId: -1 };
  const number = /^\d{1,15}$/.test(id ?? "") ? Number(id) : null;
  if (number !== null && number <= state.lastEventId) return state;
  const next = number === null ? state : { ...state, lastEventId: number };
  if (!Object.hasOwn(EVENTS, name) || data === null || typeof data !== "object") return next;
  return EVENTS[name](next, data);
}

function foldSnapshot(state, { me, pending = [] }) {
  const sessions = underFresh(me.sessions ?? [], "session_id", state.fresh.sessions);
  const installations = underFresh(me.installations ?? [], "installation_id", state.fresh.installations);
  const asked = pending.map(normalizeApproval).filter(Boolean);
  const approvals = underFresh(asked, "approval_id", state.fresh.approvals);
  const chats = new Map([...state.chats].filter(([id]) => sessions.has(id) || id === state.open));
  const lists = { sessions, installations, approvals, chats };
  return { ...state, user: me.user ?? null, ready: true, ...lists, fresh: nothingFresh() };
}

/** A list of the snapshot by id, with what is known to be newer laid over it. */
function underFresh(list, key, fresh) {
  const all = new Map(list.map((one) => [one[key], one]));
  for (const [id, one] of fresh) {
    if (one) all.set(id, one);
    else all.delete(id);
  }
  return all;
}

function openSession(state, id) {
  const unread = new Set(state.unread);
  unread.delete(id);
  return { ...state, open: id, gone: null, unread };
}

/** From here on deltas are kept apart as `tail`, because the page on its way may or may not hold them. */
function beginLoad(state, id) {
  const chat = state.chats.get(id) ?? { list: [], loaded: false, hasMore: false };
  const list = chat.list.map((m) => (m.state === "streaming" ? { ...m, base: undefined, tail: [] } : m));
  return withChat(state, id, { ...chat, list, loading: true, failed: null });
}

function foldPage(state, { session_id, messages, limit, older = false }) {
  const chat = state.chats.get(session_id);
  if (!chat) return state;
  const known = new Map(chat.list.map((m) => [m.message_id, m]));
  const page = messages.map(normalizeMessage).filter((m) => m && m.session_id === session_id);
  const folded = page.map((m) => foldMessage(known.get(m.message_id), m, true));
  const more = messages.length >= limit;
  const list = older ? [...folded.filter((m) => !known.has(m.message_id)), ...chat.list] : joinPage(chat, folded);
  const kept = !older && list.length > folded.length && list[0].message_id !== folded[0]?.message_id;
  const hasMore = kept ? chat.hasMore : more;
  const next = withChat(state, session_id, { ...chat, list, hasMore, loaded: true, loading: false, failed: null });
  return settleWaiting(next, session_id, list);
}

/**
 * The newest page against what is here: earlier pages stay in front if they touch the page (else there would be a
 * silent hole), and bubbles that the stream brought after the page was read stay behind it.
 */
function joinPage(chat, folded) {
  const inPage = new Set(folded.map((m) => m.message_id));
  const first = chat.list.findIndex((m) => inPage.has(m.message_id));
  const before = first > 0 ? chat.list.slice(0, first) : [];
  const newest = folded.at(-1)?.created_at ?? 0;
  const rest = chat.list.slice(Math.max(first, 0));
  const after = rest.filter((m) => !inPage.has(m.message_id) && (m.local || m.created_at >= newest));
  return [...before, ...folded, ...after];
}

/** A send was accepted. The echo usually came first; if the stream is down, the bubble is shown from here. */
function foldSent(state, { session_id, message_id, interaction_id, text, ts }) {
  const chat = state.chats.get(session_id);
  if (!chat) return state;
  const answered = chat.list.some((m) => m.role === "agent" && m.interaction_id === interaction_id);
  const waiting = answered ? state.waiting : new Map(state.waiting).set(session_id, interaction_id);
  const next = { ...state, waiting };
  if (chat.list.some((m) => m.message_id === message_id)) return next;
  const message = normalizeMessage({
    message_id, session_id, interaction_id, role: "user", text, state: "final", created_at: ts,
  });
  return withChat(next, session_id, { ...chat, list: [...chat.list, { ...message, local: true }] });
}

function settleWaiting(state, id, list) {
  const interaction = state.waiting.get(id);
  if (!interaction || !list.some((m) => m.role === "agent" && m.interaction_id === interaction)) return state;
  const waiting = new Map(state.waiting);
  waiting.delete(id);
  return { ...state, waiting };
}

function withChat(state, id, chat) {
  return { ...state, chats: new Map(state.chats).set(id, chat) };
}

function patchChat(state, id, patch) {
  const chat = state.chats.get(id);
  return chat ? withChat(state, id, { ...chat, ...patch }) : state;
}

/** The bubble that is being written in a chat, newest first, or null. */
export function runningMessage(state, id) {
  const list = state.chats.get(id)?.list ?? [];
  return list.findLast((m) => m.role === "agent" && m.state === "streaming") ?? null;
}

/**
 * The installation that a new chat is offered to: the one the user chose last if it is there to answer, else the
 * newest that is. `installations` come oldest first; null if there is none.
 */
export function preferredAgent(installations, chosenId) {
  const chosen = installations.find((one) => one.installation_id === chosenId);
  if (chosen?.online) return chosen;
  return installations.findLast((one) => one.online) ?? chosen ?? installations.at(-1) ?? null;
}

/** Sessions of one state ("active" or "archived"), newest activity first. */
export function sessionsOf(state, kind) {
  const all = [...state.sessions.values()].filter((s) => (s.state === "archived") === (kind === "archived"));
  return all.sort((a, b) => (b.last_activity_at ?? 0) - (a.last_activity_at ?? 0));
}
