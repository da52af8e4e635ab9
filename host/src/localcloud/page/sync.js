// Keeps the page in step with the host: one reading at a time, one more if it was asked for meanwhile, and again after
// one that failed. Knows neither fetch nor the DOM.

/** How long after a failed reading the next one starts if the host does not say. */
const RETRY_MS = 2_000;

/**
 * `read()` reads everything or throws. `waitAfter(error)` says in how many milliseconds to read again: null for never,
 * undefined for a while. It throws what is no failure of the reading but a mistake of the page.
 */
export class Sync {
  constructor({ read, waitAfter }) {
    Object.assign(this, { read, waitAfter, isReading: false, again: false, timer: 0 });
  }

  /** Reads everything. While a reading runs, all calls together are one more. */
  async run() {
    clearTimeout(this.timer);
    if (this.isReading) {
      this.again = true;
      return;
    }
    this.isReading = true;
    let wait = null;
    try {
      do {
        this.again = false;
        wait = await this.tryOnce();
      } while (this.again && wait === null);
    } finally {
      this.isReading = false;
    }
    if (wait !== null) this.timer = setTimeout(() => this.run(), wait);
  }

  /** Resolves with the wait before the next try, or null if there need be none. */
  async tryOnce() {
    try {
      await this.read();
      return null;
    } catch (error) {
      const wait = this.waitAfter(error);
      return wait === undefined ? RETRY_MS : wait;
    }
  }
}
