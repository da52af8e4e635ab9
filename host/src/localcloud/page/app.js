// The entry: holds the state, turns clicks into calls, keeps the state in step with the host, and draws at most once
// a frame.

import { unversioned } from "./agents.js";
import { api, ApiError, Stream } from "./api.js";
import { Poll, Versions } from "./poll.js";
import { initialState, reduce, runningMessage, sessionsOf } from "./state.js";
import { Sync } from "./sync.js";
import { View } from "./view.js";

const PAGE_SIZE = 200;
/** How long "Stopping…" is shown if the agent does not end its answer; the protocol asks for five seconds. */
const STOP_PATIENCE_MS = 6_000;

let state = initialState();
let frame = 0;
let creating = null;
let stopping = null;
let dead = false;

const ui = loadUi();
const view = new View({
  redraw, newChat, open: navigate, send, stop, earlier, decide,
  rename: (id, title) => edit("rename", () => api.rename(id, title)),
  archive: (id) => edit("archive", () => api.archive(id)),
  unarchive: (id) => edit("unarchive", () => api.unarchive(id)),
  remove,
  calls: {
    hostGrants: () => attempt(api.hostGrants()),
    revokeHost: (id) => attempt(api.revokeHost(id)),
    revokeCloud: (installation, id) => attempt(api.revokeCloud(installation, id)),
  },
}, ui);
const sync = new Sync({ read: readAll, waitAfter });
const versions = new Versions({
  ask: async (id) => dispatch({ type: "versions", session_id: id, versions: (await attempt(api.hostVersions(id))).versions }),
  onDone: redraw,
});
const poll = new Poll({
  ask: async (after, signal) => {
    const host = await api.hostAgents(after, signal);
    return host.agents ? host : null;
  },
  onAnswer: (host) => dispatch({ type: "host", host }),
  isFinal: isKeyError,
});
const stream = new Stream({ onEvent, onRefused, onState: (value) => dispatch({ type: "connection", value }) });

/** What the page remembers of its own look; never a word of a chat. */
function loadUi() {
  let saved = {};
  try {
    saved = JSON.parse(localStorage.getItem("sophon.ui") ?? "{}");
  } catch {
    // A browser without storage, or an unreadable entry, costs only the memory of the look.
  }
  const look = { archiveOpen: saved?.archiveOpen === true, agent: saved?.agent ?? null };
  look.set = (name, value) => {
    look[name] = value;
    try {
      localStorage.setItem("sophon.ui", JSON.stringify({ archiveOpen: look.archiveOpen, agent: look.agent }));
    } catch {
      // See above.
    }
  };
  return look;
}

function dispatch(action) {
  const next = reduce(state, action);
  if (next === state) return;
  const { open } = state;
  state = next;
  // The open chat vanished (deleted here or elsewhere): the address must not name it any more.
  if (open && !state.open && location.hash === `#${open}`) history.replaceState(null, "", location.pathname);
  redraw();
}

function redraw() {
  if (!frame) frame = requestAnimationFrame(draw);
}

function draw() {
  frame = 0;
  if (dead) return;
  const running = runningMessage(state, state.open);
  const target = running?.message_id ?? state.waiting.get(state.open) ?? null;
  if (stopping && stopping !== target) stopping = null;
  view.update(state, { isStopping: stopping !== null });
  if (state.host && state.open) versions.want(state.open, unversioned(state.chats.get(state.open)));
}

function onEvent(name, id, data) {
  dispatch({ type: "event", name, id, data });
  // With each connection the lists are read, the first time and again: it heals whatever a gap has swallowed.
  if (name === "hello" || name === "snapshot_required") sync.run();
}

/** Asked when the stream was refused: is it worth dialling again? */
async function onRefused() {
  try {
    await api.me();
  } catch (error) {
    return !isKeyError(error);
  }
  return !dead;
}

/** A 401 ends the page with a panel; true if it was one. */
function isKeyError(error) {
  if (error.status !== 401) return false;
  dead = true;
  stream.close();
  poll.stop();
  view.showKeyPanel();
  return true;
}

/** For Sync: how long to wait after a reading that failed. */
function waitAfter(error) {
  if (!(error instanceof ApiError)) throw error;
  return isKeyError(error) ? null : error.retryAfterMs ?? undefined;
}

async function readAll() {
  const isFirst = !state.ready;
  dispatch({ type: "snapshot_requested" });
  const [me, { pending_approvals: pending }] = await Promise.all([api.me(), api.snapshot()]);
  dispatch({ type: "snapshot", me, pending });
  if (isFirst) chooseFirst();
  const failure = state.open ? await loadMessages(state.open) : null;
  if (failure) throw failure;
}

/** Reads one page of a chat; resolves with the error if it is worth trying again. */
async function loadMessages(id, before) {
  dispatch({ type: "messages_requested", session_id: id });
  try {
    const { messages } = await api.messages(id, PAGE_SIZE, before);
    dispatch({ type: "messages_loaded", session_id: id, messages, limit: PAGE_SIZE, older: Boolean(before) });
  } catch (error) {
    if (isKeyError(error)) return null;
    if (error.status === 404 || error.status === 410) {
      dispatch({ type: "session_gone", session_id: id });
      return null;
    }
    dispatch({ type: "messages_failed", session_id: id, reason: error.hint ?? String(error) });
    return error;
  }
  return null;
}

function earlier() {
  const chat = state.chats.get(state.open);
  if (chat && !chat.loading && chat.list.length > 0) loadMessages(state.open, chat.list[0].message_id);
}

function hashSession() {
  return /^#(ses_[\w-]{1,64})$/.exec(location.hash)?.[1] ?? null;
}

function navigate(id) {
  if (hashSession() === id) return;
  location.hash = id;
}

function openFromHash() {
  const id = hashSession();
  if (id === state.open) return;
  dispatch({ type: "open", session_id: id });
  if (id) loadMessages(id);
}

/** Makes a chat and opens it; resolves with its id, or throws. */
async function createSession() {
  creating ??= api.create(view.sidebar.chosenAgent).finally(() => {
    creating = null;
  });
  const session = await creating;
  dispatch({ type: "session", session });
  history.pushState(null, "", `#${session.session_id}`);
  openFromHash();
  return session.session_id;
}

async function newChat() {
  if (creating) return;
  try {
    await createSession();
    view.sidebar.drawer(false, false);
    requestAnimationFrame(() => view.composer.focus());
  } catch (error) {
    if (!isKeyError(error)) view.complain(`No new chat: ${error.hint ?? error}`);
  }
}

/** Sends a message; resolves with null, or with the reason why it was not sent. */
async function send(text) {
  try {
    const id = state.open ?? await createSession();
    const { interaction_id, message_id } = await api.send(id, text);
    dispatch({ type: "sent", session_id: id, interaction_id, message_id, text, ts: Date.now() });
    view.chat.follow();
    return null;
  } catch (error) {
    return isKeyError(error) ? "the key of this page is used up." : error.hint ?? String(error);
  }
}

async function stop() {
  const id = state.open;
  const running = runningMessage(state, id);
  const interaction = running?.interaction_id ?? state.waiting.get(id);
  const target = running?.message_id ?? interaction;
  stopping = target;
  redraw();
  setTimeout(() => {
    if (stopping === target) stopping = null;
    redraw();
  }, STOP_PATIENCE_MS);
  await edit("stop", () => api.cancel(id, interaction));
  dispatch({ type: "waiting_over", session_id: id });
}

/** One change of a session; the stream would tell too, but the answer is here first. */
async function edit(verb, run) {
  try {
    const session = await run();
    if (session?.session_id) dispatch({ type: "session", session });
  } catch (error) {
    if (!isKeyError(error)) view.complain(`Could not ${verb}: ${error.hint ?? error}`);
  }
}

async function remove(id) {
  await edit("delete", async () => {
    await api.remove(id);
    dispatch({ type: "session_gone", session_id: id });
  });
}

/** A call whose failure is the caller's to tell, unless the page's key is used up. */
function attempt(call) {
  return call.catch((error) => {
    isKeyError(error);
    throw error;
  });
}

/** Answers a question; resolves with whether it is over. One that is gone already needs no answer any more. */
async function decide(id, body) {
  try {
    await api.decide(id, body);
  } catch (error) {
    if (isKeyError(error)) return false;
    if (![404, 409, 410].includes(error.status)) {
      view.complain(`Could not answer: ${error.hint ?? error}`);
      return false;
    }
  }
  dispatch({ type: "approval_gone", approval_id: id });
  return true;
}

/** Without a chat in the address, the newest one is the open one. */
function chooseFirst() {
  const newest = sessionsOf(state, "active")[0];
  if (!hashSession() && newest) history.replaceState(null, "", `#${newest.session_id}`);
  dispatch({ type: "open", session_id: hashSession() });
}

/** A page that nobody sees does not ask: browsers open few connections to one server. */
function watchHost() {
  if (document.hidden || dead) poll.stop();
  else poll.start();
}

addEventListener("hashchange", openFromHash);
document.addEventListener("visibilitychange", watchHost);
redraw();
watchHost();
// Its `hello` starts the first reading.
stream.open();
