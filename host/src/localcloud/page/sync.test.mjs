// Tests of the reading that keeps the page in step: `node --test` in this folder.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Sync } from "./sync.js";

/** Lets everything run that waits for nothing but its turn. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A Sync whose readings end as `ends` say: an Error is thrown, a promise awaited. */
function rig(context, ends, waitAfter = (error) => error.wait) {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const rig = { readings: 0, tick: (ms) => context.mock.timers.tick(ms) };
  const read = async () => {
    rig.readings += 1;
    const end = await ends.shift();
    if (end instanceof Error) throw end;
  };
  rig.sync = new Sync({ read, waitAfter });
  return rig;
}

test("a failed reading is tried again until it succeeds, when the host said or after a while", async (context) => {
  const limited = Object.assign(new Error("429"), { wait: 700 });
  const it = rig(context, [limited, new Error("no answer"), null]);
  await it.sync.run();
  it.tick(699);
  await settle();
  assert.equal(it.readings, 1);
  it.tick(1);
  await settle();
  assert.equal(it.readings, 2);
  it.tick(2_000);
  await settle();
  assert.equal(it.readings, 3);
  it.tick(60_000);
  await settle();
  assert.equal(it.readings, 3, "a good one is not repeated");
});

test("a failure that no retry can heal is the last", async (context) => {
  const it = rig(context, [new Error("401")], () => null);
  await it.sync.run();
  it.tick(60_000);
  await settle();
  assert.equal(it.readings, 1);
});

test("calls while a reading runs are one more, and a new call takes the place of a retry", async (context) => {
  let finish;
  const it = rig(context, [new Promise((resolve) => (finish = resolve)), new Error("no answer"), null]);
  const run = it.sync.run();
  it.sync.run();
  it.sync.run();
  finish();
  await run;
  assert.equal(it.readings, 2);
  await it.sync.run();
  it.tick(60_000);
  await settle();
  assert.equal(it.readings, 3);
});

test("a mistake in the page is not hidden, and does not stop later readings", async (context) => {
  const it = rig(context, [new TypeError("a mistake"), null], (error) => {
    throw error;
  });
  await assert.rejects(it.sync.run(), TypeError);
  await it.sync.run();
  assert.equal(it.readings, 2);
});
