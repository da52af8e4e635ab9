// The message field: grows with its text, sends on Enter, keeps a draft per chat in memory, and keeps the text with
// the reason if a send fails.

import { el, icon, setText } from "./dom.js";
import { byteLength } from "./format.js";

/** The limit of one text field on the wire, and the size from which the page speaks about it. */
const MAX_BYTES = 64_000;
const WARN_BYTES = 60_000;
const MAX_HEIGHT_PX = 220;

export class Composer {
  constructor(actions) {
    const byId = (id) => document.getElementById(id);
    Object.assign(this, { actions, form: byId("composer-form"), field: byId("composer-text") });
    Object.assign(this, { sendButton: byId("send"), stopButton: byId("stop") });
    Object.assign(this, { note: byId("composer-note"), error: byId("composer-error") });
    Object.assign(this, { drafts: new Map(), key: null, isSending: false, blocked: null, said: "" });
    this.sendButton.append(icon("send"));
    this.stopButton.append(el("span", { class: "stop-mark", "aria-hidden": "true" }), el("span", { text: "Stop" }));
    this.stopButton.addEventListener("click", () => actions.stop());
    this.field.addEventListener("input", () => this.refresh());
    this.field.addEventListener("keydown", (event) => this.onKey(event));
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  /** Enter sends, but not while an input method is composing a word. */
  onKey(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.submit();
  }

  /** `blocked` is the reason why nothing can be sent now, or null; `said` is a remark that blocks nothing. */
  update({ key, blocked, said, isRunning, isStopping }) {
    if (this.key !== key) this.changeDraft(key);
    Object.assign(this, { blocked, said });
    this.stopButton.hidden = !isRunning;
    this.stopButton.disabled = isStopping;
    setText(this.stopButton.lastChild, isStopping ? "Stopping…" : "Stop");
    this.refresh();
  }

  changeDraft(key) {
    // The first message of a new chat makes the chat; its text moves along, in case the send itself fails.
    const isNewChat = this.isSending && this.key === "";
    if (this.key !== null && !isNewChat) this.drafts.set(this.key, this.field.value);
    this.key = key;
    if (!isNewChat) this.field.value = this.drafts.get(key) ?? "";
    this.fail("");
  }

  refresh() {
    const text = this.field.value;
    if (this.shown !== text) this.fit(text);
    const isTooLong = this.bytes > MAX_BYTES;
    this.field.disabled = this.blocked !== null;
    this.sendButton.disabled = this.blocked !== null || this.isSending || isTooLong || text.trim() === "";
    const size = this.bytes > WARN_BYTES ? `${this.bytes.toLocaleString()} of ${MAX_BYTES.toLocaleString()} bytes` : "";
    const note = this.blocked || (isTooLong ? `Too long to send: ${size}.` : size || this.said);
    setText(this.note, note);
    this.note.hidden = note === "";
  }

  /** The field is as high as its text. The height is set from script, which the CSP allows; markup could not. */
  fit(text) {
    this.shown = text;
    this.bytes = text.length > WARN_BYTES / 4 ? byteLength(text) : text.length;
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, MAX_HEIGHT_PX)}px`;
  }

  async submit() {
    this.refresh();
    if (this.sendButton.disabled) return;
    const text = this.field.value;
    const hadFocus = document.activeElement === this.field;
    const from = this.key;
    this.setSending(true);
    const reason = await this.actions.send(text.trim());
    this.setSending(false);
    if (reason === null) this.clear(text);
    else if (from === this.key || from === "") this.fail(`Not sent: ${reason}`);
    this.refresh();
    if (hadFocus || document.activeElement === document.body) this.focus();
  }

  clear(text) {
    this.fail("");
    for (const [key, draft] of this.drafts) if (draft === text) this.drafts.delete(key);
    if (this.field.value === text) this.field.value = "";
  }

  setSending(value) {
    this.isSending = value;
    this.field.readOnly = value;
    this.form.classList.toggle("sending", value);
    this.refresh();
  }

  fail(reason) {
    setText(this.error, reason);
    this.error.hidden = reason === "";
  }

  focus() {
    this.field.focus({ preventScroll: true });
  }
}
