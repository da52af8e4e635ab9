// Tests of asking the host: `node --test` in this folder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Poll, Versions } from "./poll.js";

/** Lets everything run that waits for nothing but its turn. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A Poll whose questions end as `ends` say: an Error is thrown, a promise awaited. */
function rig(context, ends) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const it = { asked: [], answers: [], tick: async (ms) => (context.mock.timers.tick(ms), settle()) };
  const ask = async (after, signal) => {
    it.asked.push(after);
    it.signal = signal;
    const end = await ends.shift();
    if (end instanceof Error) throw end;
    return end;
  };
  it.poll = new Poll({ ask, onAnswer: (answer) => it.answers.push(answer), isFinal: (error) => error.final === true });
  return it;
}

test("each question asks for what comes after the last answer, one at a time", async (context) => {
  const it = rig(context, [{ change: 3 }, { change: 5 }, new Promise(() => {})]);
  it.poll.start();
  it.poll.start();
  await settle();
  await it.tick(0);
  await it.tick(0);
  assert.deepEqual(it.asked, [null, 3, 5]);
  assert.deepEqual(it.answers.map((one) => one.change), [3, 5]);
});

test("where there is no host nobody asks again, and neither after what nothing can heal", async (context) => {
  const it = rig(context, [null]);
  it.poll.start();
  await settle();
  await it.tick(60_000);
  assert.deepEqual([it.asked.length, it.answers], [1, [null]]);
});

test("a key that is used up is the end", async (context) => {
  const it = rig(context, [Object.assign(new Error("401"), { final: true })]);
  it.poll.start();
  await settle();
  await it.tick(60_000);
  assert.equal(it.asked.length, 1);
});

test("after an error it waits, longer each time, and an answer forgives", async (context) => {
  const it = rig(context, [new Error("a"), new Error("b"), { change: 1 }, new Error("c"), new Promise(() => {})]);
  it.poll.start();
  await settle();
  await it.tick(999);
  assert.equal(it.asked.length, 1);
  await it.tick(1);
  await it.tick(1_999);
  assert.equal(it.asked.length, 2);
  await it.tick(1);
  await it.tick(0);
  await it.tick(1_000);
  assert.deepEqual(it.asked, [null, null, null, 1, 1]);
});

test("a page that nobody sees drops its question, and asks again when it is seen", async (context) => {
  let finish;
  const it = rig(context, [new Promise((resolve) => (finish = resolve)), { change: 2 }, new Promise(() => {})]);
  it.poll.start();
  it.poll.stop();
  assert.equal(it.signal.aborted, true);
  finish({ change: 1 });
  await settle();
  assert.deepEqual(it.answers, [], "the answer to a dropped question is not taken");
  it.poll.start();
  await settle();
  assert.deepEqual(it.answers, [{ change: 2 }]);
});

test("who answered is asked for a few times, and then no more", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = [];
  const onDone = () => versions.want("s", ["a"]);
  const versions = new Versions({ ask: async (session) => asked.push(session), onDone });
  versions.want("s", ["a"]);
  versions.want("s", ["a"]);
  for (const ms of [0, 250, 1_000, 4_000, 60_000]) {
    context.mock.timers.tick(ms);
    await settle();
  }
  assert.equal(asked.length, 4);
  versions.want("s", ["a", "b"]);
  context.mock.timers.tick(0);
  await settle();
  assert.equal(asked.length, 5, "another bubble is another question");
});
