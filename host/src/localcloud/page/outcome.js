// A question that is over, in the history of its chat: what was asked, what became of it, and when.

import { outcomeWords } from "./approvals.js";
import { el, icon } from "./dom.js";
import { clockTime, fullTime, isoTime } from "./format.js";

const ICONS = { good: "check", bad: "cross", faint: "minus" };

/** The node of an outcome. It never changes. */
export function outcomeNode(outcome) {
  const { words, tone } = outcomeWords(outcome);
  const said = el("p", { class: "outcome-words", "data-testid": "outcome-words" }, [words]);
  if (outcome.resolved_at) {
    const time = { datetime: isoTime(outcome.resolved_at), title: fullTime(outcome.resolved_at) };
    said.append(" · ", el("time", { ...time, text: clockTime(outcome.resolved_at) }));
  }
  const command = outcome.command ? el("pre", { class: "outcome-command", tabindex: "0", text: outcome.command,
    "aria-label": "Command" }) : null;
  const title = el("p", { class: "outcome-title", text: outcome.title, dir: "auto" });
  return el("div", { class: `outcome ${tone}`, role: "note", "aria-label": "A question to you", "data-testid": "outcome",
    "data-decision": outcome.decision }, [icon(ICONS[tone]), el("div", {}, [title, command, said])]);
}
