// Times, numbers and sizes for people, in the language of the browser.

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayWithYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const shortDay = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });
const whole = new Intl.NumberFormat();

const DAY_MS = 86_400_000;

/** The count of local days since the epoch; two times on one calendar day have the same number. */
export function dayNumber(ms) {
  return Math.floor((ms - new Date(ms).getTimezoneOffset() * 60_000) / DAY_MS);
}

export const clockTime = (ms) => clock.format(ms);
export const fullTime = (ms) => full.format(ms);
export const isoTime = (ms) => new Date(ms).toISOString();

/** "Today", "Yesterday" or the date. */
export function dayName(ms, now = Date.now()) {
  const ago = dayNumber(now) - dayNumber(ms);
  if (ago === 0) return "Today";
  if (ago === 1) return "Yesterday";
  return (ago > 0 && ago < 300 ? day : dayWithYear).format(ms);
}

/** The short time in the session list: the clock today, then the day. */
export function listTime(ms, now = Date.now()) {
  if (!ms) return "";
  const ago = dayNumber(now) - dayNumber(ms);
  if (ago <= 0) return clock.format(ms);
  return ago === 1 ? "Yesterday" : shortDay.format(ms);
}

/** The parts of the usage row; a field that is missing or no number is left out. */
export function usageParts(usage) {
  const parts = [];
  if (typeof usage?.model === "string" && usage.model) parts.push(usage.model);
  if (Number.isFinite(usage?.input_tokens)) parts.push(`${whole.format(usage.input_tokens)} in`);
  if (Number.isFinite(usage?.output_tokens)) parts.push(`${whole.format(usage.output_tokens)} out`);
  if (Number.isFinite(usage?.estimated_cost_usd)) parts.push(cost(usage.estimated_cost_usd));
  return parts;
}

function cost(usd) {
  if (usd <= 0) return "$0";
  if (usd < 0.0001) return "<$0.0001";
  return `$${usd >= 0.1 ? usd.toFixed(2) : usd.toPrecision(2)}`;
}

const encoder = new TextEncoder();

/** Size of a text on the wire in bytes. */
export const byteLength = (text) => encoder.encode(text).length;
