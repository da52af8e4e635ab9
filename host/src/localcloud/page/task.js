// A task card: a collapsed line with status and progress, that opens to show arguments, result and error as text.

import { el, icon, placeChildren, setText } from "./dom.js";
import { cleanLabel, prettyJson } from "./text.js";

const STATUS = {
  running: { name: "running", icon: null }, completed: { name: "done", icon: "check" },
  failed: { name: "failed", icon: "cross" }, cancelled: { name: "cancelled", icon: "minus" },
};

export class TaskCard {
  constructor(task) {
    this.mark = el("span", { class: "task-mark", "aria-hidden": "true" });
    this.label = el("span", { class: "task-label", dir: "auto" });
    this.kind = el("span", { class: "task-kind" });
    this.state = el("span", { class: "task-state" });
    this.progress = el("progress", { max: "100", "aria-label": "Progress" });
    this.summary = el("summary", {}, [this.mark, this.label, this.kind, this.state, icon("chevron")]);
    this.panel = el("div", { class: "task-panel" });
    this.node = el("details", { class: "task", "data-testid": "task-card", "data-task-id": task.task_id },
      [this.summary, this.panel]);
    // The panel may hold 100 KB of JSON, so it is made when the card is first opened; the click comes before the
    // toggle, and find-in-page opens a card without a click.
    this.summary.addEventListener("click", () => this.drawPanel());
    this.node.addEventListener("toggle", () => this.drawPanel());
  }

  /** Shows `task`. `isOver` says that the turn ended, so that a task without an end does not spin for ever. */
  update(task, isOver) {
    if (this.task === task && this.isOver === isOver) return;
    Object.assign(this, { task, isOver });
    const status = Object.hasOwn(STATUS, task.status) ? task.status : "running";
    const isLeft = status === "running" && isOver;
    const kind = cleanLabel(task.kind, 40);
    const label = cleanLabel(task.status_label) || kind || "Task";
    this.node.dataset.status = status;
    this.node.classList.toggle("left", isLeft);
    setText(this.label, label);
    setText(this.kind, kind === label ? "" : kind);
    setText(this.state, isLeft ? "no result" : progressText(task, status));
    placeChildren(this.mark, markNodes(status, isLeft));
    this.drawProgress(task, status === "running" && !isOver);
    if (this.node.open) this.drawPanel();
  }

  drawProgress(task, isRunning) {
    const percent = isRunning && Number.isFinite(task.progress_percent) ? task.progress_percent : null;
    if (percent === null) return this.progress.remove();
    this.progress.value = Math.min(100, Math.max(0, percent));
    if (!this.progress.isConnected || this.progress.parentNode !== this.summary) this.summary.append(this.progress);
  }

  drawPanel() {
    if (this.drawn === this.task) return;
    this.drawn = this.task;
    const { args, result, error, partial_result, status } = this.task;
    const isPresent = (value) => value !== null && value !== undefined;
    const parts = [];
    if (isPresent(args)) parts.push(block("Arguments", args, "task-args"));
    if (isPresent(error)) parts.push(block("Error", errorText(error), "task-result", "bad"));
    if (isPresent(result)) parts.push(block("Result", result, isPresent(error) ? null : "task-result"));
    else if (isPresent(partial_result)) parts.push(block("So far", partial_result, null));
    if (parts.length === 0) parts.push(el("p", { class: "faint", text: emptyText(status, this.isOver) }));
    placeChildren(this.panel, parts);
  }
}

function progressText(task, status) {
  if (status !== "running") return STATUS[status].name;
  return Number.isFinite(task.progress_percent) ? `${Math.round(task.progress_percent)} %` : "running";
}

function markNodes(status, isLeft) {
  if (status === "running" && !isLeft) return [el("span", { class: "spinner" })];
  return [icon(isLeft ? "minus" : STATUS[status].icon)];
}

/** An error is shown by its message if it has nothing else to say. */
function errorText(error) {
  const keys = error && typeof error === "object" ? Object.keys(error) : [];
  return keys.length === 1 && typeof error.message === "string" ? error.message : error;
}

function emptyText(status, isOver) {
  return status === "running" && !isOver ? "Running. Nothing to show yet." : "No arguments and no result.";
}

function block(title, value, testid, tone = "") {
  const attributes = { "data-testid": testid, tabindex: "0", role: "region", "aria-label": title };
  const pre = el("pre", { ...attributes, text: prettyJson(value) });
  return el("div", { class: `task-block ${tone}` }, [el("h3", { text: title }), pre]);
}
