// The control requests and messages of a session that wait for their answer.
//
// Each request has an LS_reqId, which the answer repeats: REQOK,<id> or REQERR,<id>,<code>,<text>. If the
// link goes away before the answer has come, nobody knows whether the request arrived. It is sent again, with
// another LS_reqId, as soon as there is a link again; the server recognises a repeated request by its other
// numbers (LS_subId of a subscription, LS_msg_prog of a message) and does not carry it out twice.

import { ProtocolError, RefusedError, SessionLostError } from "./errors.js";
import { encodeParameters, decodeInteger, decodeText } from "./lines.js";

/** How long to wait before a request that failed over HTTP is tried again (milliseconds). */
const RETRY_DELAY = 1000;

let lastRequestId = 0; // never reset: an answer that comes very late must not be taken for another one's

export class RequestQueue {
  /** The server does not take a request, or several of them together, that are longer than this (bytes). */
  limit = 50000;
  #session;
  #link = null;
  #waiting = []; // not sent yet, in order
  #sent = new Map(); // by LS_reqId, waiting for the answer
  #flushing = false;

  /** @param {() => string} session gives the id of the session */
  constructor(session) {
    this.#session = session;
  }

  /**
   * Send a request as soon as possible.
   *
   * @param {string} name "control" or "msg"
   * @param {object} parameters without LS_reqId and LS_session
   * @param {{once?: boolean}} options once: do not repeat it if the link is lost
   * @returns {Promise<void>} fulfilled by REQOK, rejected with RefusedError or SessionLostError
   */
  add(name, parameters, { once = false } = {}) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ name, parameters, once, resolve, reject, everSent: false });
      this.flush();
    });
  }

  /** From now on requests can be sent over this link. */
  attach(link) {
    this.#link = link;
    this.flush();
  }

  /** The link is gone; what was not answered has to be sent again. */
  detach() {
    this.#link = null;
    const unanswered = [...this.#sent.values()].filter((request) => !request.once);
    this.#sent.clear();
    this.#waiting = [...unanswered, ...this.#waiting.filter((request) => !request.once)];
  }

  /** Take one of the lines REQOK, REQERR and ERROR. */
  answered(tag, [id, code, text]) {
    if (tag === "ERROR") throw new ProtocolError(`the server could not read a request: ${decodeText(code)}`);
    const request = this.#sent.get(id);
    if (request === undefined) return; // it was repeated, and the first answer came after all
    this.#sent.delete(id);
    if (tag === "REQOK") request.resolve();
    else request.reject(new RefusedError(decodeInteger(code), decodeText(text)));
  }

  /** The session has ended: nothing that still waits will be answered. */
  abandon() {
    this.#link = null;
    for (const request of [...this.#sent.values(), ...this.#waiting]) {
      request.reject(new SessionLostError(request.everSent));
    }
    this.#sent.clear();
    this.#waiting = [];
  }

  /** Send what waits. Requests that are made in the same turn travel together. */
  async flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    await null; // let the others of this turn come
    try {
      while (this.#link !== null && this.#waiting.length > 0) await this.#sendBatch(this.#link);
    } finally {
      this.#flushing = false;
    }
  }

  async #sendBatch(link) {
    const { name } = this.#waiting[0];
    const batch = new Map();
    const lines = [];
    let length = 0;
    while (this.#waiting[0]?.name === name) {
      const request = this.#waiting[0];
      const id = String(++lastRequestId);
      const line = encodeParameters({
        LS_session: link.sessionParameter(this.#session()),
        LS_reqId: id,
        ...request.parameters,
      });
      if (length > 0 && length + line.length + 2 > this.limit) break;
      length += line.length + 2;
      lines.push(line);
      batch.set(id, request);
      this.#sent.set(id, request);
      request.everSent = true;
      this.#waiting.shift();
    }
    try {
      await link.send(name, lines);
    } catch {
      // No connection, or no answer in time: as if the answer had been empty.
    }
    // Over a WebSocket the answers come later. Over HTTP they have all come, or they never will.
    if (link.kind === "http") await this.#repeatUnanswered(batch);
  }

  async #repeatUnanswered(batch) {
    const unanswered = [...batch].filter(([id, request]) => this.#sent.get(id) === request);
    if (unanswered.length === 0) return; // all answered, or detach() has taken care of them
    for (const [id] of unanswered) this.#sent.delete(id);
    this.#waiting.unshift(...unanswered.map(([, request]) => request).filter((request) => !request.once));
    // If the stream is broken as well, the session finds out by itself; if not, a second attempt may do.
    await new Promise((resolve) => setTimeout(resolve, RETRY_DELAY));
  }
}
