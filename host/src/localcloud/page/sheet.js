// The sheet that asks the user for leave. It stands above the composer and takes no focus by itself: a key that was
// meant for a message must never be an answer.

import { readMessage, scopesOf, timeLeft } from "./approvals.js";
import { el } from "./dom.js";

/** A fresh question takes no answer for this long: a click may have been meant for the one before. */
const CALM_MS = 500;

export class Sheet {
  /** `decide(id, body)` sends an answer; resolves with whether the question is over. */
  constructor(decide) {
    this.node = document.getElementById("sheet");
    this.decide = decide;
    this.shown = null;
  }

  /** Shows a question, or none. `from` says who asks, for which `installation`, `more` how many others wait. */
  update(approval, from, installation, more) {
    const maker = installation?.connector_type ?? null;
    const mark = approval ? `${approval.approval_id} ${maker} ${from} ${more}` : null;
    if (mark === this.mark) return;
    this.mark = mark;
    const isNew = approval?.approval_id !== this.shown || maker !== this.maker;
    this.maker = maker;
    this.shown = approval?.approval_id ?? null;
    this.node.hidden = !approval;
    if (!approval) {
      clearTimeout(this.timer);
      clearInterval(this.clock);
      this.node.replaceChildren();
      return;
    }
    if (isNew) this.build({ ...approval, ...readMessage(approval.message, installation) });
    this.from.textContent = more > 0 ? `${from} asks, ${more} more after this` : `${from} asks`;
  }

  build(approval) {
    this.from = el("p", { class: "sheet-from", dir: "auto" });
    const severity = el("span", { class: `severity ${approval.severity}`, text: `${approval.severity} risk` });
    const title = el("h2", { id: "sheet-title", text: approval.title, dir: "auto" });
    const command = approval.command ? el("pre", { class: "sheet-command", tabindex: "0", text: approval.command,
      "data-testid": "sheet-command", "aria-label": "Command" }) : null;
    const where = approval.host ? el("p", { class: "sheet-where", text: `Host: ${approval.host}`, dir: "auto" }) : null;
    const note = approval.note ? el("p", { class: "sheet-where", text: approval.note, dir: "auto" }) : null;
    const words = approval.message ? el("blockquote", { class: "sheet-words", text: approval.message, dir: "auto",
      "aria-label": "The agent says" }) : null;
    this.node.replaceChildren(el("div", { class: "sheet-head" }, [severity, this.from, this.countdown(approval)]), title,
      ...[command, where, words, note].filter(Boolean), ...this.answers(approval));
  }

  countdown(approval) {
    const time = el("span", { class: "sheet-where sheet-time", "data-testid": "sheet-time" });
    const tick = () => {
      const left = timeLeft(approval, Date.now());
      time.textContent = left ? `a no in ${left}` : "";
    };
    clearInterval(this.clock);
    this.clock = setInterval(tick, 1000);
    tick();
    return time;
  }

  answers(approval) {
    const scope = el("select", { "aria-label": "Where to allow always" }, scopesOf(approval)
      .map((one) => el("option", { value: one.scope, text: one.label })));
    const cover = el("p", { class: "sheet-where", "data-testid": "sheet-cover", dir: "auto" });
    const covers = () => {
      const words = approval.covers[scope.value];
      cover.textContent = words ? `Allow always means ${words}` : "";
    };
    scope.addEventListener("change", covers);
    covers();
    const always = () => ({ decision: "approve_always", scope: scope.value });
    const buttons = [
      this.button("Deny", "plain danger", "deny", approval, () => ({ decision: "deny" })),
      this.button("Allow always", "plain", "always", approval, always),
      this.button("Allow once", "primary", "once", approval, () => ({ decision: "approve" })),
    ];
    const enable = (on) => buttons.forEach((button) => (button.disabled = !on));
    this.enable = enable;
    enable(false);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => enable(true), CALM_MS);
    return [el("div", { class: "sheet-row" }, [buttons[0], scope, buttons[1], buttons[2]]), cover];
  }

  button(text, look, name, approval, body) {
    const button = el("button", { type: "button", class: look, text, "data-testid": `sheet-${name}` });
    button.addEventListener("click", async () => {
      const { enable } = this;
      enable(false);
      // Only a question that is still open takes another answer; one that is answered is about to go.
      if (!await this.decide(approval.approval_id, body())) enable(true);
    });
    return button;
  }
}
