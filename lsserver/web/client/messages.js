// Messages from the client to the Metadata Adapter, and what became of them.
//
// A message gets two answers. REQOK, as for every request, says that the server has it. The outcome comes later, in the
// stream: MSGDONE,<sequence>,<number>,<response> or MSGFAIL,<sequence>,<number>,<code>,<text>.
//
// Messages of one sequence are carried out in the order of their numbers, one after the other, even if they
// arrive in another order; messages without a sequence (`*` in the answers) are independent of each other. The numbers
// begin with 1 in each session. They are also what makes it safe to send a message again after a cut.

import { ProtocolError, RefusedError, SessionLostError } from "./errors.js";
import { decodeInteger, decodeText } from "./lines.js";

/** The server has got this message before: we sent it twice because an answer was lost. Its outcome will come. */
const ALREADY_RECEIVED = new Set([32, 33]);
/** With this code the text of MSGFAIL is a count: so many messages, up to this number, were given up. */
const RUN_SKIPPED = 39;

export class Messages {
  #requests = null; // the queue of the present session
  #waiting = []; // no session yet
  #inFlight = new Map(); // by "sequence number"
  #numbers = new Map(); // last number by sequence

  /**
   * Send a text. It waits if there is no session at the moment.
   *
   * @param {string} text
   * @param {{sequence?: string, maxWait?: number}} options sequence: letters, digits and _; maxWait: milliseconds that
   *   the server may wait for earlier messages of the sequence
   * @returns {Promise<string>} the response of the Metadata Adapter, often empty. Rejected with RefusedError if it
   *   was refused, with SessionLostError if the session ended first.
   */
  send(text, { sequence, maxWait } = {}) {
    return new Promise((resolve, reject) => {
      this.#dispatch({ text, sequence, maxWait, resolve, reject });
    });
  }

  /** A session has begun. */
  start(requests) {
    this.#requests = requests;
    this.#numbers.clear();
    this.#waiting.splice(0).forEach((message) => this.#dispatch(message));
  }

  /** The session is over. Messages that never left the client wait for the next one. */
  end() {
    this.#requests = null;
    const lost = [...this.#inFlight.values()];
    this.#inFlight.clear();
    for (const message of lost) {
      if (message.sent === false) this.#waiting.push(message);
      else message.reject(new SessionLostError(true));
    }
  }

  #dispatch(message) {
    if (this.#requests === null) {
      this.#waiting.push(message);
      return;
    }
    const sequence = message.sequence ?? "*";
    const number = (this.#numbers.get(sequence) ?? 0) + 1;
    this.#numbers.set(sequence, number);
    const id = `${sequence} ${number}`;
    this.#inFlight.set(id, message);
    message.sent = undefined;
    this.#requests
      .add("msg", { LS_message: message.text, LS_sequence: message.sequence, LS_msg_prog: number, LS_max_wait: message.maxWait })
      .catch((error) => {
        if (error instanceof SessionLostError) message.sent = error.sent;
        else if (!ALREADY_RECEIVED.has(error.code)) this.#take(id)?.reject(error);
      });
  }

  /** Take MSGDONE or MSGFAIL. */
  notification(tag, [sequence, number, ...rest]) {
    const last = decodeInteger(number);
    if (tag === "MSGDONE") {
      this.#take(`${sequence} ${last}`)?.resolve(decodeText(rest[0]));
      return;
    }
    const code = decodeInteger(rest[0]);
    const count = code === RUN_SKIPPED ? decodeInteger(decodeText(rest[1])) : 1;
    if (count < 1) throw new ProtocolError(`not a number of messages: ${count}`);
    const text = code === RUN_SKIPPED ? "skipped: the server waited too long for an earlier message" : decodeText(rest[1]);
    for (let i = Math.max(1, last - count + 1); i <= last; i++) this.#take(`${sequence} ${i}`)?.reject(new RefusedError(code, text));
  }

  #take(id) {
    const message = this.#inFlight.get(id);
    this.#inFlight.delete(id);
    return message;
  }
}
