// The conversation: the list of bubbles with day lines, scrolling that follows only if the reader is at the end, and
// what is shown when there is nothing to read.

import { moves } from "./agents.js";
import { Bubble } from "./bubble.js";
import { el, icon, placeChildren, setText } from "./dom.js";
import { dayName, dayNumber } from "./format.js";

/** Closer to the end than this counts as reading the newest. */
const NEAR_END_PX = 60;

export class Chat {
  constructor({ onEarlier, redraw }) {
    const byId = (id) => document.getElementById(id);
    Object.assign(this, { scroller: byId("scroller"), log: byId("log"), jump: byId("jump"), earlier: byId("earlier") });
    Object.assign(this, { empty: byId("empty"), redraw, bubbles: new Map(), days: new Map(), moved: new Map(), list: null, id: null });
    Object.assign(this, { atEnd: true, lastTop: 0 });
    this.jump.append(icon("down"), el("span", { text: "Newest" }));
    this.jump.addEventListener("click", () => this.follow(true));
    this.earlier.addEventListener("click", onEarlier);
    this.scroller.addEventListener("scroll", () => this.look(), { passive: true });
    // Heights change for many reasons (text, opened cards, the composer, the window): one observer follows them all.
    const observer = new ResizeObserver(() => this.settle());
    observer.observe(this.log);
    observer.observe(this.scroller);
    document.addEventListener("click", copyOnClick);
  }

  /** Shows the chat of session `id`; `chat` is undefined while nothing is known about it. */
  update(id, chat) {
    if (this.id !== id) this.reset(id);
    const list = chat?.list ?? [];
    this.log.setAttribute("aria-busy", String(!chat?.loaded));
    this.earlier.hidden = !chat?.hasMore;
    this.earlier.disabled = Boolean(chat?.loading);
    this.drawList(list, chat?.versions ?? null);
    this.settle();
  }

  reset(id) {
    Object.assign(this, { id, list: null, versions: null, atEnd: true, lastTop: 0 });
    this.bubbles.clear();
    this.days.clear();
    this.moved.clear();
    this.log.replaceChildren();
  }

  drawList(list, versions) {
    const order = list.map((message) => message.message_id).join(" ");
    const isSameOrder = order === this.order && this.list !== null && versions === this.versions;
    const isPrepended = this.list?.length > 0 && list.length > 0 && list[0].message_id !== this.list[0].message_id;
    const fromEnd = this.scroller.scrollHeight - this.scroller.scrollTop;
    for (const message of list) this.bubble(message).update(message, versions?.get(message.interaction_id) ?? null);
    if (!isSameOrder) placeChildren(this.log, this.withLines(list, moves(list, versions ?? undefined)));
    // The browser anchors the view while one reads, but not at the very top, where "earlier" is pressed.
    if (isPrepended && !this.atEnd) this.scroller.scrollTop = this.scroller.scrollHeight - fromEnd;
    Object.assign(this, { list, order, versions });
  }

  bubble(message) {
    let bubble = this.bubbles.get(message.message_id);
    if (!bubble) this.bubbles.set(message.message_id, (bubble = new Bubble(message, this.redraw)));
    return bubble;
  }

  /** The bubbles, with a line before the first of each day, and before the first of another version. */
  withLines(list, moved) {
    const nodes = [];
    let last = null;
    for (const message of list) {
      const day = dayNumber(message.created_at);
      if (day !== last && message.created_at) nodes.push(this.dayLine(day, message.created_at));
      last = day;
      if (moved.has(message.message_id)) nodes.push(this.moveLine(message.message_id, moved.get(message.message_id)));
      nodes.push(this.bubbles.get(message.message_id).node);
    }
    return nodes;
  }

  dayLine(day, ms) {
    if (!this.days.has(day)) this.days.set(day, el("div", { class: "day" }, [el("span")]));
    const node = this.days.get(day);
    setText(node.firstChild, dayName(ms));
    return node;
  }

  moveLine(id, words) {
    if (!this.moved.has(id)) this.moved.set(id, el("div", { class: "day", "data-testid": "moved" }, [el("span")]));
    const node = this.moved.get(id);
    setText(node.firstChild, words);
    return node;
  }

  look() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    // Only a move upwards is the reader's wish to leave the end; a growing answer also changes the distance.
    if (scrollHeight - scrollTop - clientHeight < NEAR_END_PX) this.atEnd = true;
    else if (scrollTop < this.lastTop - 1) this.atEnd = false;
    this.lastTop = scrollTop;
    this.jump.hidden = this.atEnd || !this.list?.length;
  }

  settle() {
    if (this.atEnd) this.scroller.scrollTop = this.scroller.scrollHeight;
    else this.look();
  }

  /** Goes to the newest bubble and stays there. */
  follow(moveFocus = false) {
    this.atEnd = true;
    this.jump.hidden = true;
    this.settle();
    if (moveFocus) this.scroller.focus({ preventScroll: true });
  }

  /** Shows a heading and sentences in place of bubbles, or nothing. */
  say(heading, lines = []) {
    this.empty.hidden = heading === null;
    if (heading === null) return;
    const key = [heading, ...lines].join("\n");
    if (this.said === key) return;
    this.said = key;
    const mark = el("span", { class: "logo big", "aria-hidden": "true" });
    this.empty.replaceChildren(mark, el("h2", { text: heading }), ...lines.map((text) => el("p", { text })));
  }
}

/** Copy buttons of code blocks and answers; one listener, because morphing replaces the blocks. */
async function copyOnClick(event) {
  const button = event.target.closest?.(".copy, .copy-answer");
  if (!button) return;
  const text = button.copyText?.() ?? button.closest(".code").querySelector("pre").textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return;
  }
  button.classList.add("copied");
  button.querySelector("svg").replaceWith(icon("check"));
  document.getElementById("announcer").textContent = "Copied";
  setTimeout(() => {
    button.classList.remove("copied");
    button.querySelector("svg").replaceWith(icon("copy"));
    document.getElementById("announcer").textContent = "";
  }, 1_500);
}
