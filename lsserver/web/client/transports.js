// The ways in which a session can be carried, and which one to use next.
//
//   streaming  one connection stays open and the server writes to it whenever it has something
//   polling    the client asks, the server answers with what there is (waiting a while if there is nothing),
//              and the client asks again: for networks that keep back what is not complete
//
// Both exist over a WebSocket, which also carries the requests, and over plain HTTP, where each request is
// a POST of its own.

export const TRANSPORTS = Object.freeze({
  "ws-streaming": Object.freeze({ name: "ws-streaming", link: "ws", polling: false }),
  "ws-polling": Object.freeze({ name: "ws-polling", link: "ws", polling: true }),
  "http-streaming": Object.freeze({ name: "http-streaming", link: "http", polling: false }),
  "http-polling": Object.freeze({ name: "http-polling", link: "http", polling: true }),
});

/** What can be asked for: one of the four, or "auto", which takes the best one that works. */
export const CHOICES = Object.freeze(["auto", ...Object.keys(TRANSPORTS)]);

const BEST_FIRST = ["ws-streaming", "http-streaming", "http-polling"].map((name) => TRANSPORTS[name]);

/**
 * Decides which transport the next connection uses. With a fixed choice that is always the same one.
 * With "auto" it begins with the best and goes down one rung whenever a connection could not be opened,
 * from the last one back to the first, because the reason may be that there was no network at all.
 */
export class Ladder {
  #rungs;
  #rung = 0;
  #best = Infinity; // the highest rung that has worked so far
  #climbing = false;

  constructor(choice) {
    if (!CHOICES.includes(choice)) throw new TypeError(`unknown transport: ${choice}`);
    this.choice = choice;
    this.#rungs = choice === "auto" ? BEST_FIRST : [TRANSPORTS[choice]];
  }

  /** The transport for the next connection. */
  get transport() {
    return this.#rungs[this.#rung];
  }

  /** A connection of this kind has been opened and the server has answered on it. */
  worked(transport) {
    if (transport !== this.transport) return;
    this.#best = Math.min(this.#best, this.#rung);
    this.#climbing = false;
  }

  /** A connection of this kind could not be opened: try the next one. */
  failed(transport) {
    if (transport !== this.transport) return;
    this.#rung = (this.#rung + 1) % this.#rungs.length;
    if (this.#climbing) this.#best = Infinity; // what worked once works no more: do not try again and again
    this.#climbing = false;
  }

  /**
   * After an outage we may be on a lower rung than before only because that one was tried at the right
   * moment. If so, choose the better one again and return true.
   */
  climb() {
    if (this.#rung <= this.#best) return false;
    this.#rung = this.#best;
    this.#climbing = true;
    return true;
  }
}

/**
 * Where the endpoints are: "https://host/prefix/" gives "https://host/prefix/lightstreamer". The server can
 * name another address for all that follows the creation of the session (the "control link" of CONOK, `*` if
 * it has no such wish); what it leaves out is taken from the address that was used so far.
 */
export function endpointAddress(server, controlLink = "*") {
  const url = new URL(server);
  if (controlLink === "*") return `${url.origin}${withoutSlash(url.pathname)}/lightstreamer`;
  const complete = controlLink.includes("://");
  const link = new URL(complete ? controlLink : `${url.protocol}//${controlLink}`);
  const saysPort = /^([^/:[]+|\[[^\]]*\]):\d+/.test(controlLink);
  if (!complete && !saysPort) link.port = url.port;
  return `${link.origin}${withoutSlash(link.pathname)}/lightstreamer`;
}

function withoutSlash(path) {
  return path.replace(/\/+$/, "");
}
