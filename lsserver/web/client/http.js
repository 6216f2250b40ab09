// A link over HTTP. Every request is a POST; its body has one line per request, and the answer has one line for
// each. The request that creates or binds the session is special: its answer is the stream, and it goes on
// until the server has written LOOP or END.
//
//   POST /lightstreamer/control.txt?LS_protocol=TLCP-2.5.0          LS_session=...&LS_reqId=1&LS_op=add&...
//   200 OK                                                         REQOK,1
//
// Browsers open at most six HTTP/1.1 connections to one server, for all their tabs together, and each stream takes one
// of them for good. That is a reason to prefer WebSockets, to which the limit does not apply.

import { LineReader, PROTOCOL } from "./lines.js";

/** An answer to a request that takes longer than this is given up (milliseconds). */
const ANSWER_TIMEOUT = 8000;

export class HttpLink {
  kind = "http";
  alive = false;
  /** Set by the owner: called with every line that arrives. */
  onLine = () => {};
  #closed = new AbortController();

  constructor(address) {
    this.address = address;
  }

  /** There is nothing to open: the browser looks after the connections. */
  async open() {
    this.alive = true;
  }

  /**
   * Ask for the stream of a session. What it brings comes through onLine, as it arrives. The promise is fulfilled
   * when the response is complete and rejects when it breaks off.
   */
  async stream(name, line) {
    await this.#post(name, line, this.#closed.signal);
  }

  /** Send requests, one a line. The answers come through onLine; then the promise is fulfilled. */
  async send(name, lines) {
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(ANSWER_TIMEOUT)]);
    await this.#post(name, lines.join("\r\n"), signal);
  }

  async #post(name, body, signal) {
    const response = await fetch(this.#url(name), { ...this.#options(body), signal });
    if (!response.ok) throw new Error(`HTTP status ${response.status}`);
    const lines = new LineReader();
    // TextDecoder and LineReader keep what is incomplete: a piece can end in the middle of a character.
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      for (const text of lines.read(value)) {
        if (signal.aborted) return;
        this.onLine(text);
      }
    }
  }

  #url(name) {
    return `${this.address}/${name}.txt?LS_protocol=${PROTOCOL}`;
  }

  #options(body) {
    // An empty request still has its line. text/plain spares the browser a preflight request across origins.
    return {
      method: "POST",
      headers: { "Content-Type": "text/plain; charset=utf-8" },
      body: body || "\r\n",
      cache: "no-store",
    };
  }

  /** Over HTTP every request says which session it is about. */
  sessionParameter(session) {
    return session;
  }

  close() {
    this.alive = false;
    this.#closed.abort();
  }

  /** Say a last word and close; `keepalive` lets it reach the server even if the page is going away. */
  closeWith(name, line) {
    fetch(this.#url(name), { ...this.#options(line), keepalive: true }).catch(() => {
      // The server ends a session that nobody asks for any more by itself.
    });
    this.close();
  }
}
