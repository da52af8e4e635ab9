// Asking the host: one long question at a time about its agents while the page is seen, and who answered the bubbles that
// have ended. Knows neither fetch nor the DOM.

/** How long after a failed question the next one is asked. */
const RETRY_MS = [1_000, 2_000, 5_000, 10_000];
/** The host notes who answered just after the end of a bubble. A bubble that the host itself wrote has no version. */
const AGAIN_MS = [0, 250, 1_000, 4_000];

/**
 * `ask(after, signal)` resolves with the host's list once it has changed after `after`, or null where there is no host;
 * `onAnswer` gets it. `isFinal(error)` says that no further question makes sense.
 */
export class Poll {
  constructor({ ask, onAnswer, isFinal }) {
    Object.assign(this, { ask, onAnswer, isFinal, after: null, failures: 0, timer: 0, asking: null });
  }

  /** Begins to ask, and goes on until `stop`. */
  start() {
    if (!this.asking) this.next();
  }

  /** Asks no more, and drops the question that waits. */
  stop() {
    clearTimeout(this.timer);
    this.asking?.abort();
    this.asking = null;
  }

  async next() {
    const asking = new AbortController();
    this.asking = asking;
    let wait = 0;
    try {
      const answer = await this.ask(this.after, asking.signal);
      if (this.asking !== asking) return;
      this.onAnswer(answer);
      if (!answer) return;
      Object.assign(this, { after: answer.change, failures: 0 });
    } catch (error) {
      if (this.asking !== asking || this.isFinal(error)) return;
      wait = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)];
      this.failures += 1;
    }
    this.timer = setTimeout(() => this.next(), wait);
  }
}

/**
 * Asks who answered, for chats whose ended bubbles have no version yet: at once, and a few times more for one that the
 * host has not noted yet. `ask(session)` resolves when the answer was taken in; `onDone` is to look at the chat again.
 */
export class Versions {
  constructor({ ask, onDone }) {
    Object.assign(this, { ask, onDone, tries: new Map(), timers: new Map() });
  }

  /** These interactions of a session have ended and have no version. */
  want(session, interactions) {
    if (this.timers.has(session)) return;
    const open = interactions.filter((id) => (this.tries.get(id) ?? 0) < AGAIN_MS.length);
    if (open.length === 0) return;
    const wait = Math.min(...open.map((id) => AGAIN_MS[this.tries.get(id) ?? 0]));
    this.timers.set(session, setTimeout(() => this.run(session, open), wait));
  }

  async run(session, interactions) {
    for (const id of interactions) this.tries.set(id, (this.tries.get(id) ?? 0) + 1);
    try {
      await this.ask(session);
    } catch {
      // The next look at the chat asks again, as long as that makes sense.
    }
    this.timers.delete(session);
    this.onDone();
  }
}
