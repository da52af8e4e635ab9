// Tests of the sheet that asks the user: `node --test` in this folder. A stand-in for the document keeps what is built.

import assert from "node:assert/strict";
import { test } from "node:test";
import { normalizeApproval } from "./approvals.js";

class Node {
  constructor() {
    Object.assign(this, { attributes: {}, children: [], textContent: "", value: "" });
  }
  setAttribute(name, value) { this.attributes[name] = value; }
  append(...children) { this.children.push(...children); }
  replaceChildren(...children) { this.children = children; }
  addEventListener() {}
  /** All below it that this holds for. */
  all(holds) { return this.children.flatMap((child) => [...(holds(child) ? [child] : []), ...child.all(holds)]); }
}
const root = new Node();
globalThis.document = { getElementById: () => root, createElement: () => new Node() };
const { Sheet } = await import("./sheet.js");

const asked = (approval_id, severity) => normalizeApproval({ approval_id, session_id: "ses_a", title: "Run it?", severity,
  installation_id: "inst_1", action: "shell.exec", message: "May I?", command: "ls", expires_at: null, ts: 1 });

test("how bad it could be is shown with each question, and what is unknown is the worst", (context) => {
  context.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  const sheet = new Sheet(() => true);
  const wanted = { low: "low", medium: "medium", high: "high", critical: "critical", harmless: "critical" };
  for (const [said, shown] of Object.entries(wanted)) {
    sheet.update(asked(`apr_${said}`, said), "Mac", null, 0);
    const marks = root.all((node) => (node.attributes.class ?? "").split(" ").includes("severity"));
    assert.deepEqual(marks.map((node) => [node.attributes.class, node.textContent]),
      [[`severity ${shown}`, `${shown} risk`]]);
  }
  sheet.update(null);
  assert.deepEqual([root.children, root.hidden], [[], true]);
});
