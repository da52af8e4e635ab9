// Tests of what the page knows of the host's agents: `node --test` in this folder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { agentFacts, foldVersions, moves, normalizeHost, parseVersion, troubles, unversioned } from "./agents.js";

const agent = (candidate, more = {}) => ({ name: "echo", version: "1", id: "aa", candidate, ...more });
const host = (agents, problems = []) => normalizeHost({ change: 3, agents, problems });

test("where there is no host nothing is told", () => {
  assert.equal(normalizeHost({ agents: null }), null);
  assert.equal(normalizeHost(undefined), null);
  assert.deepEqual(troubles(null), []);
  assert.deepEqual(troubles(host([agent(null), {}, null])), []);
});

test("what is wrong with a version is told, and one that is looked at is no trouble", () => {
  const looking = agent({ state: "looking", version: "2" });
  const refused = agent({ state: "refused", version: "2", why: "it\ntraps", output: null });
  const unnamed = agent({ state: "refused", version: "", why: "no component" });
  const unbuilt = agent({ state: "build_failed", why: "`make` ended", output: "error\u202e\n  here\n\n" });
  assert.deepEqual(troubles(host([looking, agent({ state: "dancing", why: "x" })])), []);
  assert.deepEqual(troubles(host([refused])), [
    { key: "agent echo", words: "echo: version 2 does not answer: it traps", output: null }]);
  assert.equal(troubles(host([unnamed]))[0].words, "echo: a new version does not answer: no component");
  assert.deepEqual(troubles(host([unbuilt])), [
    { key: "agent echo", words: "echo: the build failed: `make` ended", output: "error\\u202e\n  here" }]);
  const place = { what: "/agents/x", why: "no manifest", output: null };
  assert.equal(troubles(host([], [place]))[0].words, "No agent in /agents/x: no manifest");
});

test("an agent's facts are one line", () => {
  const [one] = host([agent({ state: "looking", version: "2" }, { is_default: true, trial: { turns: 1, failures: 0 } })]).agents;
  assert.equal(agentFacts(one), "answers where nobody was chosen; on trial: 1 turn, 0 failed; version 2 is being looked at");
});

test("a version is read as it is written", () => {
  const read = parseVersion("echo 0.2.0 (3f2a9c)");
  assert.deepEqual(read, { label: "echo 0.2.0 (3f2a9c)", agent: "echo", version: "0.2.0", id: "3f2a9c" });
  assert.equal(parseVersion("echo a (b) (3f)").version, "a (b)");
  for (const bad of [null, 7, "", "echo", "echo 1", "echo 1 (xyz)"]) assert.equal(parseVersion(bad), null);
});

test("what is known is kept, and nothing new is the same object", () => {
  const first = foldVersions(undefined, [{ interaction_id: "a", by: "echo 1 (aa)" }, { interaction_id: 7, by: "echo 1 (aa)" }, null]);
  assert.deepEqual([...first.keys()], ["a"]);
  assert.equal(foldVersions(first, [{ interaction_id: "a", by: "echo 1 (aa)" }]), first);
  assert.equal(foldVersions(first, "nonsense"), first);
  assert.equal(foldVersions(first, [{ interaction_id: "b", by: "echo 2 (bb)" }]).size, 2);
});

const bubble = (id, role = "agent") => ({ message_id: `m${role}${id}`, interaction_id: id, role, state: "final" });

test("a line stands where an agent's version differs from that of its bubble before", () => {
  const list = ["a", "b", "c", "d", "e", "f"].flatMap((id) => [bubble(id, "user"), bubble(id)]);
  const by = { a: "echo 1 (aa)", b: "probe 9 (99)", c: "echo 1 (aa)", e: "echo 2 (bb)", f: "echo 2 (cc)" };
  const versions = foldVersions(undefined, Object.entries(by).map(([interaction_id, by]) => ({ interaction_id, by })));
  assert.deepEqual([...moves(list, versions)], [
    ["magente", "echo moved to version 2"], ["magentf", "echo moved to another build of version 2 (cc)"]]);
  assert.equal(moves(list).size, 0);
  assert.deepEqual(unversioned({ list, versions }), ["d"]);
  assert.deepEqual(unversioned(undefined), []);
});
