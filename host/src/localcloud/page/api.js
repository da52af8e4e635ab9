// The wire: JSON calls with one error type, and the event stream with its reconnects.

import { EVENT_NAMES } from "./events.js";

/** Without any event for this long the stream counts as dead; the server sends a heartbeat every 25 s. */
const SILENCE_MS = 65_000;
const CALL_TIMEOUT_MS = 20_000;
/** The host waits 20 s for something to tell. */
const WAITING_CALL_MS = 40_000;
const RETRY_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

/** A refused or failed call. `status` is 0 if no answer came at all. */
export class ApiError extends Error {
  constructor(status, code, message, retryAfterMs = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }

  /** One sentence for the person in front of the page. */
  get hint() {
    if (this.status === 0) return "The host did not answer. Is sophon-host still running?";
    if (this.status === 429) {
      const seconds = Math.max(1, Math.ceil((this.retryAfterMs ?? 1_000) / 1_000));
      return `Too many requests. Try again in ${seconds} s.`;
    }
    return this.message;
  }
}

/** One call; resolves with `result` of the envelope or throws an ApiError. */
export async function call(method, path, body, signal = AbortSignal.timeout(CALL_TIMEOUT_MS)) {
  const options = { method, headers: { accept: "application/json" }, signal };
  if (body !== undefined) {
    options.headers["content-type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let response;
  let envelope;
  try {
    response = await fetch(path, options);
    envelope = await response.json();
  } catch {
    if (!response) throw new ApiError(0, "unreachable", "no answer");
    throw new ApiError(response.status, "bad_answer", `The host answered ${response.status} without a reason.`);
  }
  if (response.ok && envelope?.ok) return envelope.result;
  const error = envelope?.error ?? {};
  const message = typeof error.message === "string" && error.message ? error.message : `Error ${response.status}.`;
  throw new ApiError(response.status, error.code ?? "unknown", message, error.retry_after_ms ?? null);
}

const session = (id) => `/v1/me/sessions/${encodeURIComponent(id)}`;

/** The calls that the page makes, by name. */
export const api = {
  me: () => call("GET", "/v1/me"),
  snapshot: () => call("GET", "/v1/me/snapshot"),
  decide: (id, body) => call("POST", `/v1/me/approvals/${encodeURIComponent(id)}`, body),
  hostAgents: (after, stop) => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(WAITING_CALL_MS)]);
    return call("GET", after === null ? "/page/host/agents" : `/page/host/agents?after=${after}`, undefined, signal);
  },
  hostVersions: (id) => call("GET", `/page/host/sessions/${encodeURIComponent(id)}/versions`),
  hostGrants: () => call("GET", "/page/host/grants"),
  revokeHost: (id) => call("DELETE", `/page/host/grants/${encodeURIComponent(id)}`),
  revokeCloud: (installation, id) => call("DELETE",
    `/v1/me/installations/${encodeURIComponent(installation)}/grants/${encodeURIComponent(id)}`),
  create: (installation_id) => call("POST", "/v1/me/sessions", installation_id ? { installation_id } : {}),
  rename: (id, title) => call("PATCH", session(id), { title }),
  archive: (id) => call("POST", `${session(id)}/archive`, {}),
  unarchive: (id) => call("POST", `${session(id)}/unarchive`, {}),
  remove: (id) => call("DELETE", session(id)),
  send: (id, text) => call("POST", `${session(id)}/send`, { text }),
  cancel: (id, interaction_id) => call("POST", `${session(id)}/cancel`, interaction_id ? { interaction_id } : {}),
  messages: (id, limit, before) => {
    const query = new URLSearchParams({ limit: String(limit) });
    if (before) query.set("before", before);
    return call("GET", `${session(id)}/messages?${query}`);
  },
};

/**
 * The event stream. EventSource redials by itself after a broken connection and sends Last-Event-ID; after a refusal
 * it gives up, so this class then makes a new one from the last id. `onEvent(name, id, data)` and `onState(value)`.
 */
export class Stream {
  constructor({ onEvent, onState, onRefused }) {
    Object.assign(this, { onEvent, onState, onRefused, source: null, lastId: "", failures: 0, timer: 0 });
  }

  open() {
    this.close();
    const query = this.lastId ? `?last_event_id=${encodeURIComponent(this.lastId)}` : "";
    this.source = new EventSource(`/v1/me/stream${query}`);
    for (const name of EVENT_NAMES) this.source.addEventListener(name, (event) => this.receive(name, event));
    this.source.onopen = () => this.watch();
    this.source.onerror = () => this.fail();
    this.watch();
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  receive(name, event) {
    this.watch();
    if (event.lastEventId) this.lastId = event.lastEventId;
    if (name === "hello") {
      this.failures = 0;
      this.onState("live");
    }
    let data;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    this.onEvent(name, event.lastEventId, data);
  }

  /** (Re)starts the clock that declares a silent connection dead. */
  watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.onState("lost");
      this.open();
    }, SILENCE_MS);
  }

  fail() {
    this.onState("lost");
    if (this.source?.readyState !== EventSource.CLOSED) return;
    this.close();
    const wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => this.redial(), wait);
  }

  /** A refusal may mean that the cookie is no longer good, which an EventSource cannot see: ask before dialling. */
  async redial() {
    if (await this.onRefused()) this.open();
  }
}
