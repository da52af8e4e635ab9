// Tests of how the sanitizer is asked: `node --test` in this folder. The real one needs a browser, so a stand-in keeps
// what it was given.

import assert from "node:assert/strict";
import { test } from "node:test";

let asked = null;
globalThis.markdownit = () => ({ renderer: { rules: {} }, utils: {}, render: (text) => text });
globalThis.DOMPurify = {
  addHook: () => {},
  sanitize: (html, options) => {
    asked = options;
    return { querySelectorAll: () => [] };
  },
};
const { renderMarkdown } = await import("./render.js");

test("each attribute that is no address is exempt from the pattern of addresses", () => {
  renderMarkdown("3. three");
  // DOMPurify holds every other value against the pattern, and drops the attribute; `class` is exempt by itself.
  const plain = asked.ALLOWED_ATTR.filter((name) => !["href", "class"].includes(name));
  assert.deepEqual(plain, ["start", "align"]);
  for (const name of plain) assert.ok(asked.ADD_URI_SAFE_ATTR?.includes(name), name);
  assert.ok(!asked.ADD_URI_SAFE_ATTR.includes("href"));
  for (const address of ["javascript:x", "data:text/html,x", "3"]) assert.ok(!asked.ALLOWED_URI_REGEXP.test(address));
});
