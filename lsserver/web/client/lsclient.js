// The client: what an application uses.
//
//   import { Client } from "./client/lsclient.js";
//
//   const client = new Client({ adapterSet: "DEMO", onStatus: ({ state }) => console.log(state) });
//   client.subscribe({
//     mode: "MERGE", dataAdapter: "QUOTE_ADAPTER", items: ["item1"], fields: ["stock_name", "last_price"],
//     onUpdate: ({ item, values }) => console.log(item, values.last_price),
//   });
//   client.connect();
//
// It keeps a session alive (session.js), begins a new one when that is lost, and subscribes again in the new one. To
// learn the protocol, read lines.js, values.js, session.js, subscription.js and messages.js, in this order.

import { RefusedError, SessionLostError } from "./errors.js";
import { decodeInteger } from "./lines.js";
import { Messages } from "./messages.js";
import { OPEN_TIMEOUT, Session } from "./session.js";
import { Subscription } from "./subscription.js";
import { Ladder } from "./transports.js";

export { ProtocolError, RefusedError, SessionLostError } from "./errors.js";
export { CHOICES } from "./transports.js";

/** The longest pause between two attempts to get a session (milliseconds). */
const LONGEST_PAUSE = 30000;

export class Client {
  /** {state, transport, choice, sessionId, error}; see the constructor. */
  status;
  #options;
  #ladder;
  #session = null;
  #wanted = false;
  #running = false;
  #wake = () => {};
  #subscriptions = new Map(); // by LS_subId; a new number each time a subscription is sent
  #all = new Set();
  #lastSubscriptionId = 0;
  #messages = new Messages();

  /**
   * @param {object} options
   * @param {string} [options.server] URL of the server; the origin of the page if missing
   * @param {string} [options.adapterSet] DEFAULT if missing
   * @param {string} [options.user]
   * @param {string} [options.password]
   * @param {number|"unlimited"} [options.maxBandwidth] kilobits per second
   * @param {string} [options.transport] one of CHOICES; "auto" if missing
   * @param {(status: object) => void} [options.onStatus] called when the status changes. `state` is "disconnected",
   *   "connecting", "connected", "stalled" (nothing comes, although something should), "switching" (to another
   *   transport), "recovering" (the connection was cut; the session is kept) or "waiting" (for the next attempt);
   *   `transport` is the one in use, `choice` the one asked for, `error` the reason of a final "disconnected".
   * @param {(tag: string, text: string) => void} [options.onInfo] CLIENTIP, SERVNAME and CONS, as the server says them
   */
  constructor(options = {}) {
    this.#options = { ...options, server: new URL(options.server ?? "/", globalThis.location?.href).href };
    this.#ladder = new Ladder(options.transport ?? "auto");
    this.status = { state: "disconnected", transport: null, choice: this.#ladder.choice, sessionId: null, error: null };
    globalThis.addEventListener?.("online", () => this.retryNow());
  }

  connect() {
    this.#wanted = true;
    if (!this.#running) this.#run();
  }

  disconnect() {
    this.#wanted = false;
    this.#session?.stop();
    this.#wake();
  }

  /** Choose a transport, now or at any time. A live session moves to it and loses nothing. */
  useTransport(choice) {
    this.#ladder = new Ladder(choice);
    this.#setStatus({ choice });
    this.#session?.useLadder(this.#ladder);
    this.#wake();
  }

  /** If the client is pausing before the next attempt, end the pause. */
  retryNow() {
    this.#session?.wake();
    this.#wake();
  }

  /** Subscribe; see Subscription for the options. It is repeated in every new session until unsubscribe. */
  subscribe(options) {
    const subscription = new Subscription(options);
    this.#all.add(subscription);
    if (this.#session?.id) this.#add(subscription);
    return subscription;
  }

  unsubscribe(subscription) {
    this.#all.delete(subscription);
    if (subscription.id === null) return;
    this.#subscriptions.delete(subscription.id);
    // Over HTTP this request may overtake nothing: the queue keeps the order.
    this.#session?.requests.add("control", { LS_op: "delete", LS_subId: subscription.id }).catch(ignoreRefusal);
    subscription.id = null;
    subscription.active = false;
  }

  /** Change the frequency of a subscription: updates per second, or "unlimited". */
  async setMaxFrequency(subscription, maxFrequency) {
    subscription.options.maxFrequency = maxFrequency;
    if (subscription.id === null) return;
    const request = { LS_op: "reconf", LS_subId: subscription.id, LS_requested_max_frequency: maxFrequency };
    await this.#session.requests.add("control", request);
  }

  /** Limit what the server sends: kilobits per second, or "unlimited". */
  async setMaxBandwidth(maxBandwidth) {
    this.#options.maxBandwidth = maxBandwidth;
    const request = { LS_op: "constrain", LS_requested_max_bandwidth: maxBandwidth };
    if (this.#session?.id) await this.#session.requests.add("control", request);
  }

  /** Send a message to the Metadata Adapter; see Messages.send. */
  sendMessage(text, options) {
    return this.#messages.send(text, options);
  }

  /** One session after the other, for as long as the application wants. */
  async #run() {
    this.#running = true;
    let oldSession;
    for (let failures = 0; this.#wanted; ) {
      // A server that is busy, or that asks somebody else about the user, may need longer: be more patient every time.
      const createTimeout = OPEN_TIMEOUT * 2 ** Math.min(failures, 4);
      const session = new Session({ ...this.#options, oldSession, createTimeout }, this.#ladder, this.#hooks());
      this.#session = session;
      const { code, text, again } = await session.run();
      this.#session = null;
      this.#messages.end();
      this.#subscriptions.clear();
      // A subscription may drop others when it is reset (rows.js does), hence the copy.
      for (const subscription of [...this.#all]) subscription.reset();
      if (!this.#wanted) break;
      if (!again) {
        this.#wanted = false;
        this.#setStatus({ error: new RefusedError(code, text) });
        break;
      }
      if (session.id !== null) failures = 0;
      oldSession = session.id ?? oldSession;
      this.#setStatus({ state: "waiting", sessionId: null });
      await this.#pause(failures === 0 ? 100 * Math.random() : Math.min(LONGEST_PAUSE, 250 * 2 ** failures));
      failures++;
    }
    this.#running = false;
    this.#setStatus({ state: "disconnected", transport: null, sessionId: null });
    if (this.#wanted) this.#run(); // connect() was called while we were leaving
  }

  #hooks() {
    return {
      status: (state, transport) => {
        this.#setStatus({ state, transport: transport.name, sessionId: this.#session?.id ?? null, error: null });
      },
      opened: () => {
        for (const subscription of this.#all) this.#add(subscription);
        this.#messages.start(this.#session.requests);
      },
      data: (tag, args) => this.#data(tag, args),
      info: (tag, text) => this.#options.onInfo?.(tag, text),
    };
  }

  #add(subscription) {
    const id = ++this.#lastSubscriptionId;
    this.#subscriptions.set(id, subscription);
    this.#session.requests.add("control", subscription.request(id)).catch((error) => {
      if (error instanceof SessionLostError || subscription.id !== id) return;
      this.#subscriptions.delete(id);
      this.#all.delete(subscription);
      subscription.refused(error);
    });
  }

  #data(tag, args) {
    if (tag === "MSGDONE" || tag === "MSGFAIL") return this.#messages.notification(tag, args);
    if (tag.startsWith("MPN")) return undefined;
    const id = decodeInteger(args[0]);
    const subscription = this.#subscriptions.get(id);
    if (subscription === undefined) return undefined; // updates that were on their way when we unsubscribed
    if (tag !== "UNSUB") return subscription.notification(tag, args);
    // We did not ask for it: the Metadata Adapter has taken the subscription away.
    this.#subscriptions.delete(id);
    this.#all.delete(subscription);
    return subscription.reset();
  }

  #setStatus(change) {
    const status = { ...this.status, ...change };
    if (Object.keys(status).every((name) => status[name] === this.status[name])) return;
    this.status = status;
    this.#options.onStatus?.(status);
  }

  #pause(millis) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, millis);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** A subscription that the server does not know any more is what we wanted. */
function ignoreRefusal(error) {
  if (!(error instanceof RefusedError || error instanceof SessionLostError)) throw error;
}
