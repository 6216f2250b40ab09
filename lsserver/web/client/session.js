// The life of one session, from its creation to its end.
//
// A session lives in the server and outlives the connections that carry it. At any time it is bound to one
// connection or, for a few seconds, to none:
//
//   create_session ──► CONOK,<session>,... data ... LOOP ──► bind_session ──► CONOK ... data ... and so on
//                                                    END ──► over
//                                          (cut: silence) ──► bind_session with LS_recovery_from ──► CONOK, PROG ...
//
//   LOOP  the server has finished with this connection, and waits for us to bind the session to another one.
//         Polling is nothing but a LOOP after each delivery, and changing the transport is a LOOP that we asked for.
//   cut   the connection broke. The server keeps the session for a while, and what it has sent. We say how many
//         data notifications we have got, and it repeats what got lost: no gap, nothing twice.

import { ProtocolError } from "./errors.js";
import { HttpLink } from "./http.js";
import { CLIENT_ID, decodeInteger, decodeText, encodeParameters, isDataNotification, splitLine } from "./lines.js";
import { RequestQueue } from "./requests.js";
import { endpointAddress } from "./transports.js";
import { Watch } from "./watch.js";
import { WebSocketLink, withResolvers } from "./websocket.js";

/** How long the opening of a connection may take (milliseconds), if the client is not given more patience. */
export const OPEN_TIMEOUT = 4000;
/** How long the server may hold back the answer to a poll if it has nothing to say (milliseconds). */
const IDLE = 19000;
/** For how long we try to recover a session (milliseconds). The server does not keep it much longer. */
const RECOVERY_TIME = 15000;
/** How many bytes an HTTP response may have before the server ends it with LOOP. */
const CONTENT_LENGTH = 50_000_000;

/** After these codes of CONERR or END a new session is worth trying; the others are final. */
const TRY_AGAIN = new Set(["CONERR,4", "CONERR,5", "CONERR,6", "CONERR,20", "CONERR,40", "CONERR,41", "CONERR,48",
  "END,20", "END,41", "END,48"]);

export class Session {
  id = null;
  /** The data notifications that we have got since the session began. */
  progressive = 0;
  requests = new RequestQueue(() => this.id);
  #options;
  #hooks;
  #ladder;
  #address;
  #link = null;
  #transport = null; // of the present connection
  #bound = false; // the server has answered CONOK on the present connection
  #proven = null; // the last transport over which the server has answered
  #finish = () => {}; // ends the present connection for us
  #skip = 0; // how many repeated notifications we have already got
  #keepalive; // as the server said last time
  #recoverUntil = null;
  #switching = false;
  #leaving = null; // the link that the server was asked to close
  #wake = () => {};
  #stopped = false;
  #watch = new Watch({
    stalled: () => this.#status("stalled"),
    resumed: () => this.#status("connected"),
    dead: () => this.#notHeard(),
  });

  /**
   * @param {object} options server (URL), adapterSet, user, password, maxBandwidth, oldSession (id or undefined),
   *   createTimeout (milliseconds)
   * @param {import("./transports.js").Ladder} ladder
   * @param {{status(state: string, transport: object): void, opened(): void, data(tag: string, args: string[]): void,
   *   info(tag: string, text: string): void}} hooks
   */
  constructor(options, ladder, hooks) {
    this.#options = options;
    this.#ladder = ladder;
    this.#hooks = hooks;
    this.#address = endpointAddress(options.server);
  }

  /**
   * Live. Fulfilled when the session is over.
   *
   * @returns {Promise<{code: number|null, text: string, again: boolean}>} again: a new session is worth trying
   */
  async run() {
    let step = "create";
    let cause = this.#options.oldSession ? "new.session" : "api";
    for (let failures = 0; ; ) {
      const ending = await this.#connection(step, cause);
      if (this.#bound) failures = 0;
      this.#bound = false;
      this.#watch.stop();
      if (this.#stopped) return this.#over(null, "disconnected by the client", false);
      switch (ending.kind) {
        case "loop":
          step = "bind";
          cause = "loop";
          if (!this.#switching && ending.delay > 0) await this.#pause(ending.delay);
          break;
        case "refused":
          return this.#over(ending.code, ending.text, TRY_AGAIN.has(`${ending.tag},${ending.code}`));
        case "cut":
          this.#dropLink();
          this.#proven = null;
          if (this.id === null) return this.#over(null, ending.reason, true);
          this.#recoverUntil ??= performance.now() + RECOVERY_TIME;
          if (performance.now() > this.#recoverUntil) return this.#over(null, "the session could not be recovered", true);
          // If the request never left, nothing can have got lost and the next attempt is the same request.
          if (ending.asked) step = "recover";
          cause = "cut";
          this.#status("recovering");
          await this.#pause(failures++ === 0 ? 50 : Math.min(2000, 250 * 2 ** failures));
          break;
      }
      if (this.#stopped) return this.#over(null, "disconnected by the client", false);
    }
  }

  /** Carry on with another transport. The session stays the same. */
  useLadder(ladder) {
    this.#ladder = ladder;
    this.#wake();
    if (this.#bound) this.#changeTransport();
  }

  /** A reason to try again now rather than later, for instance because the network is back. */
  wake() {
    this.#wake();
  }

  /** End the session and tell the server. */
  stop() {
    this.#stopped = true;
    if (this.id !== null && this.#link?.alive) {
      const parameters = { LS_session: this.#link.sessionParameter(this.id), LS_reqId: "end", LS_op: "destroy",
        LS_close_socket: true, LS_cause: "api" };
      this.#link.closeWith("control", encodeParameters(parameters));
    }
    this.#finish({ kind: "stopped" });
    this.#wake();
  }

  /** One connection: open it, ask for the stream, and return how it ended. */
  async #connection(step, cause) {
    const transport = this.#ladder.transport;
    this.#transport = transport;
    if (step === "create") this.#status("connecting");
    else if (this.#switching) this.#status("switching");
    const ended = withResolvers();
    this.#finish = ended.resolve;
    try {
      await Promise.race([this.#openLink(transport.link), ended.promise]);
    } catch (error) {
      this.#ladder.failed(transport);
      return { kind: "cut", asked: false, reason: error.message };
    }
    if (this.#stopped) return { kind: "stopped" };
    // Over HTTP a session is always created with a poll that returns at once. So we know the id of the session even if
    // something between us and the server keeps back a stream.
    const polling = transport.polling || (step === "create" && transport.link === "http");
    // The first poll returns at once as well. Later ones wait in the server until there is something to say.
    const idle = transport.polling && this.#proven === transport ? IDLE : 0;
    this.#watch.deadline(step === "create" ? this.#options.createTimeout : OPEN_TIMEOUT + idle);
    // Over HTTP a request is on its own: it need not wait until the stream is there.
    if (transport.link === "http" && this.id !== null) this.requests.attach(this.#link);
    this.#link.stream(step === "create" ? "create_session" : "bind_session", this.#streamRequest(step, cause, polling, idle)).then(
      () => ended.resolve({ kind: "cut", asked: true, reason: "the stream ended without a word" }),
      (error) => ended.resolve({ kind: "cut", asked: true, reason: error.message }),
    );
    const ending = await ended.promise;
    if (ending.kind === "cut" && !this.#bound) this.#ladder.failed(transport);
    return ending;
  }

  /** The parameters of create_session and bind_session. */
  #streamRequest(step, cause, polling, idle) {
    const { adapterSet, user, password, maxBandwidth, oldSession } = this.#options;
    const creating = step === "create";
    return encodeParameters({
      ...(creating
        ? { LS_cid: CLIENT_ID, LS_adapter_set: adapterSet, LS_user: user, LS_password: password,
            LS_requested_max_bandwidth: maxBandwidth, LS_old_session: oldSession }
        : { LS_session: this.id }),
      ...(polling
        ? { LS_polling: true, LS_polling_millis: 0, LS_idle_millis: idle }
        : { LS_keepalive_millis: this.#keepalive, LS_send_sync: false }),
      LS_content_length: this.#link.kind === "http" ? CONTENT_LENGTH : undefined,
      LS_recovery_from: step === "recover" ? this.progressive : undefined,
      LS_cause: cause,
    });
  }

  async #openLink(kind) {
    const usable = this.#link?.alive && this.#link !== this.#leaving;
    if (usable && this.#link.kind === kind && this.#link.address === this.#address) return;
    this.#dropLink();
    const link = kind === "ws" ? new WebSocketLink(this.#address) : new HttpLink(this.#address);
    this.#link = link;
    link.onLine = (line) => {
      if (link === this.#link) this.#line(line);
    };
    await link.open(OPEN_TIMEOUT);
  }

  #dropLink() {
    this.requests.detach();
    this.#link?.close();
    this.#link = null;
  }

  /** Every line that arrives comes here. */
  #line(line) {
    try {
      this.#watch.alive();
      const [tag, ...args] = splitLine(line);
      if (isDataNotification(tag)) this.#data(tag, args);
      else this.#control(tag, args);
    } catch (error) {
      if (error instanceof ProtocolError) {
        this.#finish({ kind: "refused", tag: "client", code: 61, text: error.message });
      } else {
        // A callback of the application failed. That must not stop what comes after this line.
        (globalThis.reportError ?? console.error)(error);
      }
    }
  }

  #data(tag, args) {
    if (this.#skip > 0) {
      this.#skip--; // the server repeats more than we asked for: this one we have
      return;
    }
    this.progressive++;
    this.#hooks.data(tag, args);
  }

  #control(tag, args) {
    switch (tag) {
      case "CONOK":
        return this.#accepted(args);
      case "CONERR":
      case "END":
        return this.#finish({ kind: "refused", tag, code: decodeInteger(args[0]), text: decodeText(args[1]) });
      case "LOOP":
        return this.#finish({ kind: "loop", delay: decodeInteger(args[0]) });
      case "PROG": {
        // The answer to LS_recovery_from: the server goes on after this number, which may be lower than ours.
        const from = decodeInteger(args[0]);
        if (from > this.progressive) return this.#finish({ kind: "refused", tag: "CONERR", code: 4, text: "data is missing" });
        this.#skip = this.progressive - from;
        return undefined;
      }
      case "REQERR":
        if (args[1] === "20") return this.#finish({ kind: "refused", tag: "CONERR", code: 20, text: decodeText(args[2]) });
        return this.requests.answered(tag, args);
      case "REQOK":
      case "ERROR":
        return this.requests.answered(tag, args);
      case "SERVNAME":
      case "CLIENTIP":
      case "CONS":
        return this.#hooks.info(tag, decodeText(args[0]));
      default: // PROBE and NOOP only show that the connection lives; what we do not know we leave alone
        return undefined;
    }
  }

  /** CONOK,<session>,<request limit>,<keepalive or idle time>,<control link> */
  #accepted([id, limit, millis, controlLink]) {
    const isNew = this.id === null;
    this.id = id;
    this.requests.limit = decodeInteger(limit);
    const polled = this.#transport.polling || (isNew && this.#link.kind === "http");
    if (!polled) this.#keepalive = decodeInteger(millis);
    this.#watch.expect(polled ? decodeInteger(millis) + OPEN_TIMEOUT : this.#keepalive);
    if (isNew) this.#address = endpointAddress(this.#options.server, controlLink);
    this.#bound = true;
    this.#recoverUntil = null;
    this.#switching = false;
    this.requests.attach(this.#link);
    if (isNew) this.#hooks.opened();
    if (isNew && this.#link.kind === "http") return; // the stream is still to come
    this.#proven = this.#transport;
    this.#ladder.worked(this.#transport);
    this.#status("connected");
    this.#ladder.climb();
    this.#changeTransport();
  }

  /** If the connection is not of the kind that is wanted now, ask the server to let go of it: it writes LOOP. */
  #changeTransport() {
    const wanted = this.#ladder.transport;
    if (wanted === this.#transport || this.#switching) return;
    this.#switching = true;
    this.#askToRebind(wanted.link !== this.#transport.link);
  }

  #askToRebind(closeSocket) {
    this.#watch.deadline(OPEN_TIMEOUT); // if no LOOP comes, treat the connection as cut
    if (closeSocket) this.#leaving = this.#link;
    this.requests
      .add("control", { LS_op: "force_rebind", LS_polling_millis: 0, LS_close_socket: closeSocket || undefined, LS_cause: "api" },
        { once: true })
      .catch(() => {}); // it is the LOOP that counts
  }

  /** Nothing has come for too long. */
  #notHeard() {
    // A stream over HTTP that never began: probably something keeps back responses that are not complete. When we ask the
    // server to end it, what was kept back comes through, and we take the next transport, which is polling.
    const buffered = !this.#bound && this.#transport.name === "http-streaming" && this.#ladder.choice === "auto";
    if (buffered && this.id !== null && !this.#switching) {
      this.#ladder.failed(this.#transport);
      this.#switching = true;
      this.#askToRebind(false);
    } else {
      this.#finish({ kind: "cut", asked: true, reason: "the server has gone silent" });
    }
  }

  #pause(millis) {
    const { promise, resolve } = withResolvers();
    this.#wake = resolve;
    const timer = setTimeout(resolve, millis);
    return promise.finally(() => clearTimeout(timer));
  }

  #over(code, text, again) {
    this.#dropLink();
    this.requests.abandon();
    return { code, text, again };
  }

  #status(state) {
    this.#hooks.status(state, this.#transport);
  }
}
