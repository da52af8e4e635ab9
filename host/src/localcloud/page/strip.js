// What is wrong with a version that does not answer, above the conversation: a quiet line each, the compiler's words
// behind a disclosure.

import { troubles } from "./agents.js";
import { el, icon, placeChildren, setText } from "./dom.js";

export class Strip {
  constructor() {
    Object.assign(this, { node: document.getElementById("strip"), rows: new Map(), host: undefined });
  }

  /** Shows what is wrong on the host, or nothing. */
  update(host) {
    if (this.host === host) return;
    this.host = host;
    const shown = troubles(host);
    const known = new Set(shown.map((row) => row.key));
    for (const key of this.rows.keys()) if (!known.has(key)) this.rows.delete(key);
    placeChildren(this.node, shown.map((row) => this.draw(row)));
    this.node.hidden = shown.length === 0;
  }

  /** The node of a row. One that is opened stays so when its words change. */
  draw({ key, words, output }) {
    if (!this.rows.has(key)) this.rows.set(key, rowNode());
    const { node, said, details, pre } = this.rows.get(key);
    setText(said, words);
    details.hidden = output === null;
    setText(pre, output ?? "");
    return node;
  }
}

function rowNode() {
  const said = el("p", { class: "trouble-words", dir: "auto", "data-testid": "trouble-words" });
  const pre = el("pre", { class: "trouble-output", tabindex: "0", "aria-label": "Output of the build",
    "data-testid": "trouble-output" });
  const details = el("details", { class: "trouble-more" }, [
    el("summary", { "data-testid": "trouble-more" }, [icon("chevron"), el("span", { text: "Output of the build" })]), pre,
  ]);
  const node = el("div", { class: "trouble", "data-testid": "trouble" }, [icon("warning"), el("div", {}, [said, details])]);
  return { node, said, details, pre };
}
