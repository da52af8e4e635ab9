// Tests of the questions to the user: `node --test` in this folder.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { nextApproval, normalizeApproval, normalizeOutcome, outcomeWords, readMessage, scopesOf, timeLeft }
  from "./approvals.js";
import { initialState, reduce } from "./state.js";

let eventId = 0;
const asked = (id, more = {}) => ({
  approval_id: id, session_id: "ses_a", installation_id: "inst_1", agent_id: null, interaction_id: "int_1",
  action: "shell.exec", title: "Run it?", message: "May I?", severity: "high", command: "rm -rf /tmp/x",
  host: "localhost", expires_at: 1_000, ts: 1, ...more,
});
const event = (name, data) => ({ type: "event", name, id: String(++eventId), data });
const fold = (state, ...actions) => actions.reduce(reduce, state);
const read = (pending) => ({ type: "snapshot", me: { sessions: [], installations: [] }, pending });
const shown = (state, now = 0) => nextApproval(state, now)?.approval_id ?? null;

test("malformed questions are ignored and what is odd is taken for the worst", () => {
  for (const bad of [null, {}, { approval_id: 7, session_id: "s" }, { approval_id: "a" }]) {
    assert.equal(normalizeApproval(bad), null);
  }
  const odd = normalizeApproval({ approval_id: "a", session_id: "s", title: "a\u202eb\n c", command: "x\u202ey",
    severity: "<b>" });
  assert.equal(odd.severity, "critical");
  assert.equal(odd.title, "a b c");
  assert.equal(odd.command, "x\\u202ey");
  assert.equal(normalizeApproval(asked("a", { message: "x".repeat(50_000) })).message.length < 21_000, true);
});

test("a snapshot brings questions back after a reload, and drops those that were answered meanwhile", () => {
  let state = fold(initialState(), read([asked("apr_1")]));
  assert.equal(shown(state), "apr_1");
  state = fold(state, { type: "snapshot_requested" }, event("approval_requested", asked("apr_2", { ts: 2 })),
    event("approval_resolved", { approval_id: "apr_3", decision: "deny" }), read([asked("apr_3")]));
  assert.deepEqual([...state.approvals.keys()], ["apr_2"], "the stream knows better than an older snapshot");
});

test("a question comes once, goes when it is resolved or expired, and waits for its turn", () => {
  let state = fold(initialState(), event("approval_requested", asked("apr_1")),
    event("approval_requested", asked("apr_1")),
    event("approval_requested", asked("apr_2", { session_id: "ses_b", ts: 2 })));
  assert.equal(state.approvals.size, 2);
  assert.equal(shown(state), "apr_1");
  assert.equal(shown(fold(state, { type: "open", session_id: "ses_b" })), "apr_2", "the open chat comes first");
  state = fold(state, event("approval_resolved", { approval_id: "apr_1", decision: "expired" }));
  assert.equal(shown(state), "apr_2");
  assert.equal(shown(state, 1_000), null);
  state = fold(state, { type: "approval_gone", approval_id: "apr_2" }, event("approval_resolved", {}));
  assert.equal(state.approvals.size, 0);
});

test("a deleted chat takes its questions with it", () => {
  const state = fold(initialState(), event("approval_requested", asked("apr_1")),
    event("session_deleted", { session_id: "ses_a" }));
  assert.equal(shown(state), null);
});

test("always is offered for a host only where there is one", () => {
  const scopes = (more) => scopesOf(normalizeApproval(asked("a", more))).map((one) => one.scope);
  assert.deepEqual(scopes({}), ["session", "tool", "domain", "all"]);
  assert.deepEqual(scopes({ host: null }), ["session", "tool", "all"]);
});

const host = { connector_type: "sophon-host" };
const lines = ["session: in this session: A", "tool: always: B", "domain: always: C", "all: always: D"];
const covers = `What “always” would cover:\n${lines.join("\n")}`;

test("what a host really sends is read apart", () => {
  const fixture = readFileSync(new URL("fixtures/question.txt", import.meta.url), "utf8").trimEnd();
  const parts = readMessage(fixture, host);
  assert.equal(parts.message, "I was told\\nto \\u{202e}ask. What \"always\" would cover:\\nall: nothing");
  assert.match(parts.note, /^You allowed this to an earlier version .*:\nit now also wants /);
  assert.deepEqual(Object.keys(parts.covers), ["session", "tool", "domain", "all"]);
  assert.equal(parts.covers.tool, "always: its own question `eat`");
});

test("what an agent says cannot pass for the host's words", () => {
  const nothing = (message, from = host) => assert.deepEqual(readMessage(message, from), { message, note: "", covers: {} });
  assert.deepEqual(readMessage(covers, host).covers, { session: "in this session: A", tool: "always: B",
    domain: "always: C", all: "always: D" });
  assert.deepEqual(readMessage(`The agent says: “a\nb”\n\n${covers}`, host).message, "", "words stand on one line");
  // Another bridge's message is its agent's as a whole, and so is whatever is not in the form.
  nothing(covers, { connector_type: "openclaw" });
  nothing(covers, null);
  for (const odd of [`${covers}\nall: always: E`, `x${covers}`, covers.replace("tool: ", "tool "), `${covers}\n`, "Let me.", "",
    covers.replace(`${lines[0]}\n`, "")]) nothing(odd);
});

test("the time that is left is told to the second and never below nought", () => {
  const at = (expires_at) => timeLeft(normalizeApproval(asked("a", { expires_at })), 10_000);
  assert.deepEqual([at(255_000), at(10_001), at(9_000)], ["4:05", "0:01", "0:00"]);
  assert.equal(timeLeft(normalizeApproval(asked("a", { expires_at: null })), 0), "");
});

const over = (id, more = {}) => ({
  approval_id: id, session_id: "ses_a", interaction_id: "int_1", message_id: "msg_1", offset: 4, title: "Run it?",
  command: "true", host: null, severity: "low", asked_at: 1, resolved_at: 9, decision: "approve", by: "user",
  scope: null, scope_value: null, ...more,
});
const bubble = { message_id: "msg_1", session_id: "ses_a", interaction_id: "int_1", role: "agent", text: "one two",
  state: "streaming", created_at: 1, tasks: [], approvals: [] };
const opened = (messages) => fold(initialState(), read([]), { type: "open", session_id: "ses_a" },
  { type: "messages_requested", session_id: "ses_a" },
  { type: "messages_loaded", session_id: "ses_a", messages, limit: 200 });
const outcomes = (state) => state.chats.get("ses_a").list[0].outcomes.map((one) => one.approval_id);

test("what became of a question stays in its bubble, once, also over its end and a reload", () => {
  let state = fold(opened([bubble]), event("approval_requested", asked("apr_1")), event("approval_resolved", over("apr_1")));
  assert.deepEqual([outcomes(state), shown(state)], [["apr_1"], null]);
  state = fold(state, event("approval_resolved", over("apr_1")), event("message_added", { ...bubble, text: "one two three" }),
    event("message_finalized", { ...bubble, text: "one two" }));
  assert.deepEqual(outcomes(state), ["apr_1"]);
  assert.deepEqual(outcomes(opened([{ ...bubble, approvals: [over("apr_1"), null, {}] }])), ["apr_1"]);
  const elsewhere = over("apr_2", { session_id: "ses_b" });
  assert.equal(fold(state, event("approval_resolved", elsewhere)).chats.get("ses_b"), undefined);
  assert.equal(normalizeOutcome({ approval_id: "a", decision: "deny" }), null, "a bare end shows nothing");
});

test("each outcome has its words, and what is not known is no leave", () => {
  const words = (more) => outcomeWords(normalizeOutcome(over("a", more))).words;
  assert.equal(words({}), "Allowed once");
  assert.equal(words({ by: "grant" }), "Allowed by what you allowed always");
  assert.equal(words({ decision: "approve_always", scope: "session" }), "Allowed always, in this chat");
  assert.equal(words({ decision: "approve_always", scope: "tool" }), "Allowed always, for exactly this");
  assert.equal(words({ decision: "approve_always", scope: "domain", host: "a.example" }), "Allowed always, at a.example");
  assert.equal(words({ decision: "approve_always", scope: "all" }), "Allowed always, everywhere");
  assert.equal(words({ decision: "deny" }), "Denied");
  assert.match(words({ decision: "expired", by: "time" }), /^Not answered in time/);
  assert.match(words({ decision: "deny", by: "stop" }), /^Stopped/);
  assert.match(words({ decision: "deny", by: "turn_over" }), /^No longer needed/);
  assert.equal(words({ decision: "allow" }), "Denied");
});
