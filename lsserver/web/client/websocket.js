// A link over WebSocket. One socket carries everything: requests go up as messages, each with the name of
// the request in its first line, and all that the server has to say comes down.
//
//   we send     control CRLF LS_reqId=1&LS_op=add&...      (more lines: more requests of the same kind)
//   we receive  REQOK,1 CRLF SUBOK,1,30,5 CRLF             (one or more complete lines in a message)

import { LineReader, PROTOCOL } from "./lines.js";

export class WebSocketLink {
  kind = "ws";
  alive = false;
  /** Set by the owner: called with every line that arrives. */
  onLine = () => {};
  #socket = null;
  #lost = withResolvers();

  constructor(address) {
    this.address = address;
    this.#lost.promise.catch(() => {}); // it may be that nobody waits for it
  }

  /**
   * Open the socket and make sure that somebody who speaks our protocol is at the other end: `wsok` is
   * answered by `WSOK`, at once. There are proxies that accept a WebSocket and then let nothing through, which
   * is why the answer is waited for before the link counts as open. Rejects after `timeout` milliseconds.
   */
  async open(timeout) {
    const socket = new WebSocket(this.address.replace(/^http/, "ws"), `${PROTOCOL}.lightstreamer.com`);
    this.#socket = socket;
    const answered = withResolvers();
    const lines = new LineReader();
    socket.onopen = () => socket.send("wsok");
    socket.onmessage = ({ data }) => {
      for (const line of lines.read(data)) {
        if (line === "WSOK") answered.resolve();
        else this.onLine(line);
      }
    };
    socket.onclose = ({ code }) => {
      this.alive = false;
      this.#lost.reject(new Error(`the WebSocket was closed (${code})`));
    };
    const timer = setTimeout(() => answered.reject(new Error("the WebSocket does not answer")), timeout);
    try {
      await Promise.race([answered.promise, this.#lost.promise]);
      this.alive = true;
    } catch (error) {
      this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ask for the stream of a session. What it brings comes through onLine; the promise rejects when it is cut. */
  stream(name, line) {
    this.#socket.send(`${name}\r\n${line}`);
    return this.#lost.promise;
  }

  /** Send requests, one a line. The answers come through onLine. */
  async send(name, lines) {
    this.#socket.send([name, ...lines].join("\r\n"));
  }

  /** On a socket the session is understood: it is the one that was last created or bound there. */
  sessionParameter() {
    return undefined;
  }

  close() {
    this.alive = false;
    this.#socket?.close();
  }

  /** Say a last word and close; nobody reads the answer. */
  closeWith(name, line) {
    if (this.alive) this.#socket.send(`${name}\r\n${line}`);
    this.close();
  }
}

/** Promise.withResolvers, for browsers that do not have it yet. */
export function withResolvers() {
  let resolve, reject;
  const promise = new Promise((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
