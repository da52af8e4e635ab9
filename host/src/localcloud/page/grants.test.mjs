// Tests of the settings' rows: `node --test` in this folder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cloudRows, endWords, hostRows } from "./grants.js";

const sessions = new Map([["ses_a", { title: "Chores" }]]);

test("a host's grants are rows with what a person wants to know", () => {
  const grant = { id: "g1", agent: "probe", covers: "programs: ls\u202e\nx", scope: "session", session_id: "ses_a",
    created_at: 5, until: 60_000 * 30, uses_left: 3 };
  const [row, other, third] = hostRows([grant, { ...grant, id: "g2", session_id: "ses_gone" }, null, {},
    { id: "g3", scope: "tool" }], sessions, 0);
  assert.deepEqual(row, { key: "host g1", id: "g1", installation_id: null, who: "probe", covers: "programs: ls x",
    scope: "in the chat “Chores”", since: 5, ends: "ends in 30 min, 3 uses left" });
  assert.equal(other.scope, "in one chat, which is gone");
  assert.deepEqual([third.who, third.covers, third.scope, third.ends],
    ["An agent", "not told", "for exactly this", "until you revoke it"]);
});

test("a cloud's grants are rows of their installations, by what was asked when they were given", () => {
  const grants = [{ grant_id: "a", action: "x.y", title: "Run it?", scope: "domain", scope_value: "a.example", created_at: 1 },
    { grant_id: "b", action: "x.y", scope: "session", scope_value: "ses_a" }, { action: "no id" }];
  const rows = cloudRows([{ installation_id: "inst_1", approval_grants: grants }, { installation_id: "inst_2" }], sessions,
    () => "Mac");
  assert.deepEqual(rows.map((row) => [row.key, row.installation_id, row.who, row.covers, row.scope]), [
    ["cloud a", "inst_1", "Mac", "Run it?", "at a.example"],
    ["cloud b", "inst_1", "Mac", "x.y", "in the chat “Chores”"],
  ]);
});

test("an end is told by time, by uses, or by hand", () => {
  const at = (ms, uses = null) => endWords(ms, uses, 0);
  assert.deepEqual([at(1), at(60_000 * 89), at(3_600_000 * 3), at(86_400_000 * 9)],
    ["ends in 1 min", "ends in 89 min", "ends in 3 hours", "ends in 9 days"]);
  assert.deepEqual([at(null, 1), at(null, 0), at(null)], ["one use left", "0 uses left", "until you revoke it"]);
});
