// Pure text work: joining a snapshot with a live stream, cutting a bubble at its task cards, splitting off the
// error note, and making labels harmless. Nothing here touches the DOM, so node can test all of it.

/** Controls that change the direction or order of text; a label could use them to look like another text. */
const BIDI = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/g;
const NOTE = /^⚠\ufe0f?[ \u00a0]/;
const PRETTY_LIMIT = 200_000;

/** A one-line label without controls, cut to `limit` characters. */
export function cleanLabel(value, limit = 200) {
  const text = typeof value === "string" ? value.replace(CONTROLS, " ").replace(/\s+/g, " ").trim() : "";
  return text.length > limit ? `${text.slice(0, limit - 1)}…` : text;
}

/** The first words of Markdown for a list: without the marks that only mean something to a renderer. */
export function plainSnippet(value) {
  const text = typeof value === "string" ? value : "";
  return cleanLabel(text.replace(/^\s*(?:#{1,6}|>|[-+*])\s+/gm, "").replace(/\*\*|```\w*|`/g, ""), 90);
}

/** Shows direction controls as `\u202e`, so that code reads in the order in which it would run. */
export function revealBidi(text) {
  return text.replace(BIDI, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** The same for prose, but only for the two overrides: they have no honest use, while marks and isolates do. */
export function revealOverrides(text) {
  return text.replace(/[\u202d\u202e]/g, revealBidi);
}

/** Pretty JSON as text. A plain string stays itself: command output reads badly with escapes. */
export function prettyJson(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "";
  const cut = text.length > PRETTY_LIMIT ? `${text.slice(0, PRETTY_LIMIT)}\n… (cut)` : text;
  return revealBidi(cut);
}

/**
 * The text of a bubble whose snapshot `base` was read while `deltas` arrived. The snapshot may already hold the
 * first k of them (nothing on the wire says how many), so the longest run of deltas that `base` ends with is
 * taken as included. A wrong guess lives until the final text replaces it.
 */
export function joinTail(base, deltas) {
  let included = 0;
  let run = "";
  for (let k = 0; k < deltas.length && run.length <= base.length; k += 1) {
    run += deltas[k];
    if (base.endsWith(run)) included = k + 1;
  }
  return base + deltas.slice(included).join("");
}

/** Splits final text into body and error note: the last paragraph, if it starts with the warning sign. */
export function splitNote(text) {
  const trimmed = text.trimEnd();
  const breaks = [...trimmed.matchAll(/\n[ \t]*\n/g)];
  const last = breaks.at(-1);
  const start = last ? last.index + last[0].length : 0;
  const paragraph = trimmed.slice(start).trimStart();
  if (!NOTE.test(paragraph)) return { body: text, note: null };
  return { body: trimmed.slice(0, last ? last.index : 0), note: paragraph.replace(NOTE, "") };
}

/** The first position at or after `offset` that is neither inside a fenced block nor inside a surrogate pair. */
export function safeOffset(text, offset) {
  const wanted = Math.min(Math.max(0, offset), text.length);
  let fence = null;
  let at = 0;
  while (at < text.length && (at < wanted || fence)) {
    const end = text.indexOf("\n", at) + 1 || text.length;
    const mark = /^ {0,3}(`{3,}|~{3,})(.*)/.exec(text.slice(at, end));
    if (mark) fence = nextFence(fence, mark);
    at = end;
    if (!fence && mark && at >= wanted) return at;
    if (!fence && at >= wanted) break;
  }
  if (fence) return text.length;
  const code = text.charCodeAt(wanted);
  return code >= 0xdc00 && code <= 0xdfff ? wanted + 1 : wanted;
}

function nextFence(open, [, ticks, rest]) {
  if (!open) return ticks;
  const closes = ticks[0] === open[0] && ticks.length >= open.length && rest.trim() === "";
  return closes ? null : open;
}

/**
 * Cuts `text` at the offsets of tasks and of questions that are over: [{text}|{task}|{outcome}] in reading order, without
 * empty text parts.
 */
export function segments(text, tasks, outcomes = []) {
  const parts = [];
  let at = 0;
  const place = (part, one) => ({ part, offset: safeOffset(text, one.offset), since: one.created_at ?? 0 });
  const ordered = [...tasks.map((task) => place({ task }, task)),
    ...outcomes.map((outcome) => place({ outcome }, outcome))];
  ordered.sort((a, b) => a.offset - b.offset || a.since - b.since);
  for (const { part, offset } of ordered) {
    if (text.slice(at, offset).trim()) parts.push({ text: text.slice(at, offset) });
    if (offset > at) at = offset;
    parts.push(part);
  }
  if (text.slice(at).trim()) parts.push({ text: text.slice(at) });
  return parts;
}
