// What the page says about its connections, and the switch between the transports.

import { write } from "./cells.js";

const TRANSPORT_NAMES = {
  "ws-streaming": "WebSocket streaming",
  "ws-polling": "WebSocket polling",
  "http-streaming": "HTTP streaming",
  "http-polling": "HTTP polling",
};

/** As in the switch. */
const SHORT_NAMES = { "ws-streaming": "WS stream", "ws-polling": "WS poll", "http-streaming": "HTTP stream", "http-polling": "HTTP poll" };

/** The states of a client, from good to bad: the page shows the worst one of its clients. */
const STATES = ["connected", "switching", "connecting", "stalled", "recovering", "waiting", "disconnected"];

const STATE_NAMES = {
  connected: "Connected",
  connecting: "Connecting",
  stalled: "Stalled",
  switching: "Switching",
  recovering: "Recovering",
  waiting: "Waiting to reconnect",
  disconnected: "Disconnected",
};

/** Shows the status of one client in its panel, and that of all of them in the bar. */
export class ConnectionDisplay {
  #statuses = new Map();
  #bar = document.getElementById("state");

  show(panel, status) {
    this.#statuses.set(panel, status);
    const line = panel.querySelector(".link");
    line.dataset.state = status.state;
    line.title = status.sessionId ? `session ${status.sessionId}` : "";
    line.dataset.session = status.sessionId ?? "";
    line.dataset.transport = status.transport ?? "";
    write(line.querySelector("[data-text]"), [describe(status), short(status.sessionId)].filter(Boolean).join(" \u00b7 "));
    const problem = panel.querySelector(".problem");
    problem.hidden = status.error === null;
    if (status.error) write(problem, `The server said: ${status.error.message} (code ${status.error.code})`);
    this.#showAll();
  }

  #showAll() {
    const all = [...this.#statuses.values()].sort((a, b) => STATES.indexOf(b.state) - STATES.indexOf(a.state));
    const { state, transport } = all[0];
    this.#bar.dataset.state = state;
    write(this.#bar.querySelector("[data-text]"), STATE_NAMES[state]);
    write(this.#bar.querySelector("[data-over]"), state === "connected" ? ` \u00b7 ${TRANSPORT_NAMES[transport]}` : "");
  }
}

function describe({ state, transport }) {
  return state === "connected" ? SHORT_NAMES[transport] : STATE_NAMES[state];
}

/** The id of a session is long, and it is the key to it: the first characters are enough to see whether it is the same. */
function short(sessionId) {
  return sessionId ? `${sessionId.slice(0, 6)}\u2026` : "";
}

/** Call `choose` when the user takes another transport. */
export function startTransportSwitch(fieldset, choose) {
  fieldset.addEventListener("change", ({ target }) => choose(target.value));
  // After a reload some browsers restore what was chosen before.
  const checked = fieldset.querySelector("input:checked");
  if (checked && checked.value !== "auto") choose(checked.value);
}

/** Counts updates and shows how many came in the last second. */
export function startRate(element) {
  let count = 0;
  setInterval(() => {
    write(element, String(count));
    count = 0;
  }, 1000);
  return () => count++;
}
