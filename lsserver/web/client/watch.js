// Notices when a connection has gone silent. Most dead connections do not say so: the socket stays open and
// simply nothing arrives any more. That is why the server writes PROBE when it has nothing else to say, at
// least every "keepalive" milliseconds (third argument of CONOK).

/** How much later than promised something may come before we call the connection stalled (milliseconds). */
const LATE = 2000;
/** How long a stalled connection is kept, in the hope that it goes on (milliseconds). */
const GIVE_UP = 3000;

export class Watch {
  #hooks;
  #silence = null; // how long nothing may come, or null if there is a deadline instead
  #last = 0;
  #stalled = false;
  #timer = null;

  /** @param {{stalled(): void, resumed(): void, dead(): void}} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
  }

  /** From now on expect something at least every `silence` milliseconds. */
  expect(silence) {
    this.stop();
    this.#silence = silence;
    this.#last = performance.now();
    this.#schedule();
  }

  /** Give the connection `millis` to get to its next step, whatever arrives until then. */
  deadline(millis) {
    this.stop();
    this.#silence = null;
    this.#timer = setTimeout(() => this.#hooks.dead(), millis);
  }

  /** Something has arrived. This is called for every line, so it does not touch the timer. */
  alive() {
    this.#last = performance.now();
    if (!this.#stalled) return;
    this.#stalled = false;
    clearTimeout(this.#timer);
    this.#schedule();
    this.#hooks.resumed();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#stalled = false;
  }

  #schedule() {
    const limit = this.#silence + LATE + (this.#stalled ? GIVE_UP : 0);
    this.#timer = setTimeout(() => this.#check(limit), this.#last + limit - performance.now());
  }

  #check(limit) {
    if (performance.now() - this.#last < limit - 1) return this.#schedule();
    if (this.#stalled) return this.#hooks.dead();
    this.#stalled = true;
    this.#schedule();
    return this.#hooks.stalled();
  }
}
