// Tests of the pure parts: `node --test` in this folder. What goes wrong comes first, the plain turn last.

import assert from "node:assert/strict";
import { test } from "node:test";
import { initialState, preferredAgent, reduce, runningMessage, sessionsOf } from "./state.js";
import { cleanLabel, joinTail, prettyJson, safeOffset, segments, splitNote } from "./text.js";

const SES = "ses_a";
let eventId = 0;

const session = (id, more = {}) => ({
  session_id: id, installation_id: "inst_1", title: null, state: "active", created_at: 1, last_activity_at: 1,
    snippet: null, ...more,
});
const agent = (more = {}) => ({
  message_id: "msg_1", session_id: SES, interaction_id: "int_1", role: "agent", text: "", attachments: [],
    state: "streaming",
  created_at: 100, usage: null, finish_reason: null, tasks: [], ...more,
});
const ids = { session_id: SES, message_id: "msg_1", interaction_id: "int_1" };
const task = (more = {}) => ({
  ...ids, task_id: "t1", kind: "exec", status: "running", status_label: "ls", args: { a: 1 }, progress_percent: null,
  partial_result: null, result: null, error: null, offset: 0, created_at: 1, ...more,
});

const fold = (state, ...actions) => actions.reduce(reduce, state);
const event = (name, data, id) => ({ type: "event", name, id: String(id ?? ++eventId), data });
const delta = (text, id) => event("message_delta", { ...ids, delta: text }, id);
const loaded = (messages = [], more = {}) => ({ type: "messages_loaded", session_id: SES, messages, limit: 200,
  ...more });
const requested = { type: "messages_requested", session_id: SES };

function opened(messages = []) {
  eventId = 0;
  const me = { user: { id: "u" }, installations: [], sessions: [session(SES)] };
  return fold(initialState(), { type: "snapshot", me }, { type: "open", session_id: SES }, requested, loaded(messages));
}
const first = (state) => state.chats.get(SES).list[0];

test("unknown actions and events change nothing", () => {
  const state = opened();
  assert.equal(reduce(state, { type: "no_such" }), state);
  assert.equal(reduce(state, { type: "constructor" }), state);
  const next = fold(state, event("device_capability_request", { session_id: SES }), event("toString", {}));
  assert.deepEqual(next.chats, state.chats);
  assert.deepEqual(fold(state, event("message_delta", null)).chats, state.chats);
});

test("malformed data is ignored", () => {
  const state = opened();
  const bad = [event("message_added", {}), event("message_delta", { ...ids, delta: 7 }), event("task_created",
    { ...ids }),
    event("message_delta", { session_id: SES, delta: "x" }), event("session_updated", {}),
      event("installation_updated", {})];
  const next = fold(state, ...bad);
  assert.equal(next.chats.get(SES).list.length, 0);
  assert.equal(next.sessions.size, 1);
});

test("events of a chat whose messages were never asked for keep nothing", () => {
  const other = { ...ids, session_id: "ses_other" };
  const state = fold(opened(), event("message_added", agent(other)), event("message_delta", { ...other, delta: "x" }),
    event("task_created", task(other)), event("message_finalized", { ...other, text: "x" }));
  assert.equal(state.chats.has("ses_other"), false);
  assert.equal(state.unread.size, 0);
});

test("a repeated event id is dropped, also an older one", () => {
  const state = fold(opened(), event("message_added", agent(), 10), delta("a", 11), delta("a", 11), delta("z", 9),
    delta("b", 12));
  assert.equal(first(state).text, "ab");
});

test("ids may start over after a new connection or a gap", () => {
  let state = fold(opened(), event("message_added", agent(), 500), delta("a", 501));
  state = fold(state, event("hello", { ts: 1 }, 501), delta("b", 1));
  state = fold(state, event("snapshot_required", {}, 501), delta("c", 1));
  assert.equal(first(state).text, "abc");
});

test("a repeated message_added keeps text, tasks and the single bubble", () => {
  const state = fold(opened(), event("message_added", agent()), delta("abc"), event("task_created", task()),
    event("message_added", agent()));
  assert.equal(state.chats.get(SES).list.length, 1);
  assert.equal(first(state).text, "abc");
  assert.equal(first(state).tasks.length, 1);
});

test("deltas before message_added are kept", () => {
  const state = fold(opened(), delta("a"), delta("b"), event("message_added", agent()), delta("c"));
  assert.equal(state.chats.get(SES).list.length, 1);
  assert.equal(first(state).text, "abc");
  assert.equal(first(state).stub, undefined);
});

test("a message_added that already holds the early deltas does not double them", () => {
  const state = fold(opened(), delta("ab"), delta("cd"), event("message_added", agent({ text: "abcd" })), delta("e"));
  assert.equal(first(state).text, "abcde");
});

test("message_finalized before message_added stays final", () => {
  const end = { ...ids, text: "done", usage: { input_tokens: 1 }, finish_reason: "stop" };
  const state = fold(opened(), event("message_finalized", end), event("message_added", agent()), delta("late"));
  assert.equal(first(state).text, "done");
  assert.equal(first(state).state, "final");
  assert.equal(first(state).usage.input_tokens, 1);
});

test("the final text replaces the streamed text; without one the streamed text stays", () => {
  const state = fold(opened(), event("message_added", agent()), delta("drafd"));
  assert.equal(first(fold(state, event("message_finalized", { ...ids, text: "draft" }))).text, "draft");
  assert.equal(first(fold(state, event("message_finalized", ids))).text, "drafd");
});

test("live deltas are never compared with the text before them", () => {
  let state = fold(opened(), event("message_added", agent()), delta("hel"), delta("l"), delta("l"));
  assert.equal(first(state).text, "helll");
  state = fold(state, requested, delta("l"));
  assert.equal(first(state).text, "hellll");
});

test("a snapshot that overlaps the stream is joined without holes or doubles", () => {
  const before = fold(opened([agent({ text: "one " })]), requested, delta("two "), delta("three "));
  assert.equal(first(fold(before, loaded([agent({ text: "one " })]))).text, "one two three ");
  assert.equal(first(fold(before, loaded([agent({ text: "one two " })]))).text, "one two three ");
  assert.equal(first(fold(before, loaded([agent({ text: "one two three " })]))).text, "one two three ");
  const late = fold(before, loaded([agent({ text: "one two three four " })]), delta("four "), delta("five"));
  assert.equal(first(late).text, "one two three four five");
});

test("a snapshot heals a gap", () => {
  const state = fold(opened([agent({ text: "a" })]), event("snapshot_required", {}), requested, delta("d"),
    loaded([agent({ text: "abc" })]));
  assert.equal(first(state).text, "abcd");
});

test("a bubble that came whole streams again when it is told anew, and only then", () => {
  const whole = agent({ text: "Hi", state: "final" });
  const more = event("message_added", agent({ text: "Hi there" }), 20);
  for (const before of [opened([whole]), fold(opened(), event("message_added", whole, 1))]) {
    assert.equal(first(fold(before, delta(" there", 19))).text, "Hi");
    const state = fold(before, more, delta("!", 21));
    assert.deepEqual([first(state).text, first(state).state], ["Hi there!", "streaming"]);
    assert.equal(runningMessage(state, SES).message_id, "msg_1");
    const late = fold(state, event("message_finalized", { ...ids, text: "Hi" }, 22), { ...more, id: "23" });
    assert.deepEqual([first(late).text, first(late).state], ["Hi", "final"]);
  }
  const stale = event("message_added", agent({ text: "other" }), 20);
  assert.equal(first(fold(opened([whole]), stale)).state, "final");
});

test("a late snapshot does not reopen a finished bubble", () => {
  const state = fold(opened([agent()]), requested, event("message_finalized", { ...ids, text: "end" }),
    loaded([agent({ text: "e" })]));
  assert.equal(first(state).text, "end");
  assert.equal(runningMessage(state, SES), null);
});

test("a snapshot keeps earlier pages that touch it, and drops those behind a hole", () => {
  const page = (...numbers) => numbers.map((n) => agent({ message_id: `msg_${n}`, created_at: n, state: "final",
    text: "x" }));
  const names = (state) => state.chats.get(SES).list.map((m) => m.created_at);
  let state = fold(opened(page(3, 4)), loaded(page(1, 2), { older: true }));
  assert.deepEqual(names(state), [1, 2, 3, 4]);
  state = fold(state, loaded(page(4, 5)));
  assert.deepEqual(names(state), [1, 2, 3, 4, 5]);
  assert.deepEqual(names(fold(state, loaded(page(8, 9)))), [8, 9]);
});

test("task events out of order: the end wins, and the card has what each event knew", () => {
  const done = task({ status: "completed", result: { ok: 1 }, args: null });
  const state = fold(opened([agent()]), event("task_completed", done), event("task_created", task()),
    event("task_progress", task({ progress_percent: 50 })));
  const [card] = first(state).tasks;
  assert.equal(card.status, "completed");
  assert.deepEqual(card.result, { ok: 1 });
  assert.deepEqual(card.args, { a: 1 });
});

test("tasks before their bubble move in when it comes", () => {
  const early = task({ message_id: null });
  const state = fold(opened(), event("task_created", early), event("message_added", agent()));
  assert.equal(first(state).tasks.length, 1);
  assert.equal(state.chats.get(SES).early.length, 0);
});

test("a sparse task event is a patch, and a missing status follows the event", () => {
  const sparse = { session_id: SES, task_id: "t1", progress_percent: 40 };
  const state = fold(opened([agent({ tasks: [task()] })]), event("task_progress", sparse), event("task_failed",
    { ...sparse, error: "no" }));
  const [card] = first(state).tasks;
  assert.deepEqual([card.status, card.progress_percent, card.error, card.status_label], ["failed", 40, "no", "ls"]);
});

test("a session deleted or created while a snapshot is read is not undone by it", () => {
  const me = { installations: [], sessions: [session(SES)] };
  const state = fold(opened(), { type: "snapshot_requested" }, event("session_deleted", { session_id: SES }),
    event("session_created", session("ses_new")), { type: "snapshot", me });
  assert.deepEqual([...state.sessions.keys()], ["ses_new"]);
  assert.equal(state.open, null);
  assert.equal(state.gone.session_id, SES);
});

test("an installation that changed or went while a snapshot is read stays as the stream said", () => {
  const one = (id, online) => ({ installation_id: id, online });
  const me = { installations: [one("inst_1", false), one("inst_2", true), one("inst_3", true)], sessions: [] };
  const state = fold(opened(), { type: "snapshot_requested" }, event("installation_updated", one("inst_1", true)),
    event("installation_updated", one("inst_2", false)), event("installation_revoked", { installation_id: "inst_3" }),
    event("installation_created", one("inst_4", true)), { type: "snapshot", me });
  const online = [...state.installations].map(([id, { online }]) => [id, online]);
  assert.deepEqual(online, [["inst_1", true], ["inst_2", false], ["inst_4", true]]);
  const again = fold(state, { type: "snapshot_requested" }, { type: "snapshot", me });
  assert.equal(again.installations.get("inst_2").online, true, "newer than one snapshot is older than the next");
});

test("a new chat is offered to the newest agent that is online", () => {
  const one = (installation_id, online) => ({ installation_id, online });
  const all = [one("a", true), one("b", true), one("c", false)];
  const offered = (list, chosen) => preferredAgent(list, chosen)?.installation_id;
  assert.deepEqual([offered(all), offered(all, "a"), offered(all, "c"), offered(all, "gone")], ["b", "a", "b", "b"]);
  const off = all.map((agent) => ({ ...agent, online: false }));
  assert.deepEqual([offered(off), offered(off, "a"), offered([])], ["c", "a", undefined]);
});

test("a send without a stream shows the bubble once, and the wait ends with the answer", () => {
  const sent = { type: "sent", session_id: SES, message_id: "msg_u", interaction_id: "int_1", text: "hi", ts: 50 };
  const echo = agent({ message_id: "msg_u", role: "user", text: "hi", state: "final", created_at: 50 });
  let state = fold(opened(), sent, event("message_added", echo));
  assert.equal(state.chats.get(SES).list.length, 1);
  assert.equal(state.waiting.get(SES), "int_1");
  state = fold(state, event("message_added", agent()));
  assert.equal(state.waiting.size, 0);
  assert.equal(fold(state, sent).waiting.size, 0);
});

test("archived sessions are listed apart, newest activity first, and a foreign answer marks unread", () => {
  let state = fold(opened(), event("session_created", session("ses_b", { last_activity_at: 9 })),
    { type: "messages_requested", session_id: "ses_b" });
  state = fold(state, event("session_updated", session("ses_c", { state: "archived" })));
  assert.deepEqual(sessionsOf(state, "active").map((s) => s.session_id), ["ses_b", SES]);
  assert.deepEqual(sessionsOf(state, "archived").map((s) => s.session_id), ["ses_c"]);
  state = fold(state, event("message_finalized", { ...ids, session_id: "ses_b", text: "x", ts: 20 }));
  assert.ok(state.unread.has("ses_b"));
  assert.equal(fold(state, { type: "open", session_id: "ses_b" }).unread.size, 0);
});

test("the error note is the last paragraph that starts with the warning sign", () => {
  assert.deepEqual(splitNote("text\n\n⚠️ broke"), { body: "text", note: "broke" });
  assert.deepEqual(splitNote("⚠️ broke"), { body: "", note: "broke" });
  assert.equal(splitNote("⚠️ one\n\ntwo").note, null);
  assert.equal(splitNote("a ⚠️ b").note, null);
});

test("a card never cuts a fence or a surrogate pair, and odd offsets are clamped", () => {
  const text = "a\n```\ncode\n```\nb";
  assert.equal(text.slice(safeOffset(text, 8)), "b");
  assert.equal(safeOffset("```\nopen", 5), 8);
  assert.equal(safeOffset("😀", 1), 2);
  assert.equal(safeOffset("abc", -5), 0);
  const asked = { offset: 4, created_at: Number.MAX_SAFE_INTEGER };
  assert.deepEqual(segments("one two", [task({ offset: 4 })], [asked]).map((part) => Object.keys(part)[0]),
    ["text", "task", "outcome", "text"], "a card before the question about it");
  const parts = segments("one two", [task({ offset: 99, task_id: "z" }), task({ offset: 4 })]);
  assert.deepEqual(parts.map((part) => part.text ?? part.task.task_id), ["one ", "t1", "two", "z"]);
});

test("labels and JSON lose their power to reorder what is read", () => {
  assert.equal(cleanLabel("a\u202eb\n c"), "a b c");
  assert.equal(cleanLabel(7), "");
  assert.equal(prettyJson({ a: "\u202e" }), '{\n  "a": "\\u202e"\n}');
  assert.equal(joinTail("aa", []), "aa");
});

test("a plain turn", () => {
  const state = fold(opened(), event("message_added", agent()), delta("Hello"), delta(" you"),
    event("message_finalized", { ...ids, text: "Hello you.", usage: { output_tokens: 3 }, finish_reason: "stop" }));
  assert.deepEqual([first(state).text, first(state).state, first(state).usage.output_tokens], ["Hello you.", "final",
    3]);
});
