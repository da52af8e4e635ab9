// One bubble: a message as DOM, changed in place. Each piece of text is rendered once and again only if it changed.

import { el, icon, placeChildren, setText } from "./dom.js";
import { clockTime, fullTime, isoTime, usageParts } from "./format.js";
import { outcomeNode } from "./outcome.js";
import { codeSpans, morph, renderMarkdown } from "./render.js";
import { TaskCard } from "./task.js";
import { cleanLabel, segments, splitNote } from "./text.js";

/** A piece whose last rendering took long waits this many times as long before the next one. */
const REST_FACTOR = 4;

const REASONS = {
  cancelled: "Stopped", length: "Cut off at the length limit", content_filter: "Cut off by the content filter",
};

export class Bubble {
  constructor(message, redraw) {
    this.redraw = redraw;
    this.pieces = [];
    this.cards = new Map();
    this.outcomes = new Map();
    this.body = el("div", { class: "bubble-body", dir: "auto" });
    this.meta = el("div", { class: "meta" });
    this.time = el("time");
    this.node = el("article", {
      class: `bubble ${message.role}`, "data-testid": "bubble", "data-role": message.role,
      "data-message-id": message.message_id, "aria-label": message.role === "user" ? "You" : "Agent",
    }, [this.body, this.meta]);
  }

  /** Shows `message`, and which version answered if that is known; does nothing if that is what is shown. */
  update(message, version) {
    if (this.message === message && this.version === version && !this.isBehind) return;
    Object.assign(this, { message, version });
    this.isBehind = false;
    if (message.role === "user") this.drawQuestion(message);
    else this.drawAnswer(message);
    this.drawMeta(message);
  }

  drawQuestion(message) {
    this.node.dataset.state = "final";
    setText(this.body, message.text);
  }

  drawAnswer(message) {
    const isFinal = message.state === "final";
    const { body, note } = isFinal ? splitNote(message.text) : { body: message.text, note: null };
    const isError = note !== null || (isFinal && message.finish_reason === "error");
    const hasText = message.text.trim() !== "";
    const state = isError ? "error" : isFinal ? "final" : hasText ? "streaming" : "thinking";
    this.node.dataset.state = state;
    // A screen reader hears a bubble once, when it is whole, and not each piece of it.
    this.node.setAttribute("aria-busy", String(!isFinal));
    const nodes = this.drawParts(segments(body, message.tasks, message.outcomes), isFinal);
    if (state === "thinking") nodes.push(this.thinking ??= thinkingNode());
    if (isError) nodes.push(this.drawNote(note));
    if (isFinal && nodes.length === 0) nodes.push(this.empty ??= el("p", { class: "faint", text: "No text." }));
    placeChildren(this.body, nodes);
  }

  drawParts(parts, isFinal) {
    let texts = 0;
    const nodes = parts.map((part) => {
      if (part.task) return this.drawCard(part.task, isFinal);
      if (part.outcome) return this.drawOutcome(part.outcome);
      const piece = (this.pieces[texts] ??= { node: el("div", { class: "md" }), text: null, cost: 0, at: 0 });
      texts += 1;
      this.drawPiece(piece, part.text, isFinal);
      return piece.node;
    });
    this.pieces.length = texts;
    return nodes;
  }

  drawCard(task, isFinal) {
    let card = this.cards.get(task.task_id);
    if (!card) this.cards.set(task.task_id, (card = new TaskCard(task)));
    card.update(task, isFinal);
    return card.node;
  }

  drawOutcome(outcome) {
    const id = outcome.approval_id;
    if (!this.outcomes.has(id)) this.outcomes.set(id, outcomeNode(outcome));
    return this.outcomes.get(id);
  }

  drawPiece(piece, text, isFinal) {
    if (piece.text === text) return;
    const now = performance.now();
    const rest = piece.at + piece.cost * REST_FACTOR - now;
    if (!isFinal && piece.cost > 8 && rest > 0) {
      this.isBehind = true;
      clearTimeout(this.timer);
      this.timer = setTimeout(this.redraw, rest);
      return;
    }
    morph(piece.node, renderMarkdown(text));
    Object.assign(piece, { text, at: performance.now(), cost: performance.now() - now });
  }

  drawNote(note) {
    this.note ??= el("div", { class: "error-note", role: "note", "data-testid": "error-note" },
      [icon("warning"), el("p")]);
    this.note.lastChild.replaceChildren(...codeSpans(note?.trim() || "The answer ended with an error."));
    return this.note;
  }

  drawMeta(message) {
    if (message.created_at) {
      setText(this.time, clockTime(message.created_at));
      this.time.dateTime = isoTime(message.created_at);
      this.time.title = fullTime(message.created_at);
    }
    const nodes = [this.time];
    const isAnswer = message.role === "agent" && message.state === "final";
    if (isAnswer && Object.hasOwn(REASONS, message.finish_reason ?? "")) {
      nodes.push(el("span", { class: "reason", text: REASONS[message.finish_reason] }));
    }
    if (isAnswer && this.version) nodes.push(this.drawVersion(this.version));
    const usage = isAnswer ? usageParts(message.usage) : [];
    if (usage.length > 0) nodes.push(this.drawUsage(usage));
    if (isAnswer && message.text.trim()) nodes.push(this.copyButton());
    placeChildren(this.meta, nodes);
  }

  drawVersion({ label, agent, version }) {
    this.by ??= el("span", { class: "answered-by", "data-testid": "answered-by", dir: "auto" });
    setText(this.by, `${agent} ${version}`);
    this.by.title = `Answered by ${label}`;
    return this.by;
  }

  drawUsage(parts) {
    const text = parts.map((part) => cleanLabel(part, 60)).join(" · ");
    const title = "Model, tokens and cost of this answer";
    this.usage ??= el("span", { class: "usage", "data-testid": "usage", title });
    setText(this.usage, text);
    return this.usage;
  }

  copyButton() {
    this.copy ??= el("button", { class: "quiet copy-answer", type: "button", "aria-label": "Copy answer" },
      [icon("copy")]);
    this.copy.copyText = () => this.message.text;
    return this.copy;
  }
}

function thinkingNode() {
  const dots = el("span", { class: "dots", "aria-hidden": "true" }, [el("i"), el("i"), el("i")]);
  return el("p", { class: "thinking", "data-testid": "thinking" }, [el("span", { text: "Thinking…" }), dots]);
}
