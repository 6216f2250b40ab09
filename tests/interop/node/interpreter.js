// Runs scenarios with a JavaScript client SDK, in Node.js as in a browser. What a step means is
// written in ../scenario.py; ../python/interpreter.py does the same for Python.

const STEP_MILLIS = 60000;

// `sdk`: the SDK's exports. `run`: {id, address, transport, steps}. `report(id, event)` is called
// with everything the application sees. Resolves to null, or to a text that says what went wrong.
export async function play(sdk, run, report) {
  const seen = [];
  const waiting = new Set();
  let over = false;
  const note = (...event) => {
    if (over) return;
    seen.push(event);
    report(run.id, event);
    for (const look of [...waiting]) look();
  };
  const player = new Player(sdk, run, note);
  try {
    for (const [number, step] of run.steps.entries()) {
      if (step.do === "until") {
        const found = () => seen.filter((event) => matches(step.event, event)).length;
        const count = step.further ? found() + step.further : step.count ?? 1;
        const enough = () => found() >= count;
        if (!(await until(enough, waiting))) return `step ${number}: never saw ${JSON.stringify(step)}`;
      } else {
        player[step.do](step);
      }
    }
    return null;
  } catch (error) {
    return `${error.stack ?? error}`;
  } finally {
    over = true;
    player.leave();
  }
}

function until(enough, waiting) {
  return new Promise((resolve) => {
    let timer;
    const look = () => {
      if (enough()) finish(true);
    };
    const finish = (found) => {
      clearTimeout(timer);
      waiting.delete(look);
      resolve(found);
    };
    timer = setTimeout(finish, STEP_MILLIS, false);
    waiting.add(look);
    look();
  });
}

// Whether an event begins as a pattern does; "*" in a pattern stands for anything.
export function matches(pattern, event) {
  return pattern.every(
    (part, at) => part === "*" || (Array.isArray(part) && Array.isArray(event[at])
      ? part.length === event[at].length && matches(part, event[at])
      : part === event[at]),
  );
}

// One text for one number, whatever type the SDK gives it.
function number(value) {
  return value === null || Number.isNaN(Number(value)) ? value : String(Number(value));
}

class Player {
  constructor(sdk, run, note) {
    this.sdk = sdk;
    this.run = run;
    this.note = note;
    this.clients = new Map();
    this.subscriptions = new Map();
  }

  connect({ client = "client", user, password, adapter_set, options = {}, forced = true }) {
    const one = new this.sdk.LightstreamerClient(this.run.address, adapter_set);
    if (user !== undefined) one.connectionDetails.setUser(user);
    if (password !== undefined) one.connectionDetails.setPassword(password);
    if (forced && this.run.transport) one.connectionOptions.setForcedTransport(this.run.transport);
    for (const [name, value] of Object.entries(options)) one.connectionOptions[`set${name}`](value);
    one.addListener({
      onStatusChange: (status) => {
        this.note(client, "status", status);
        if (status.startsWith("CONNECTED:") && status !== "CONNECTED:STREAM-SENSING") {
          this.note(client, "session", one.connectionDetails.getSessionId());
        }
      },
      onServerError: (code, text) => this.note(client, "error", code, text),
      onPropertyChange: (name) => {
        if (name === "realMaxBandwidth") this.note(client, "bandwidth", number(one.connectionOptions.getRealMaxBandwidth()));
        if (name === "serverSocketName") this.note(client, "server", one.connectionDetails.getServerSocketName());
        if (name === "clientIp") this.note(client, "address", one.connectionDetails.getClientIp());
      },
    });
    this.clients.set(client, one);
    one.connect();
  }

  reconnect({ client = "client" }) {
    this.clients.get(client).connect();
  }

  disconnect({ client = "client" }) {
    this.clients.get(client).disconnect();
  }

  transport({ client = "client", value }) {
    this.clients.get(client).connectionOptions.setForcedTransport(value);
  }

  bandwidth({ client = "client", value }) {
    this.clients.get(client).connectionOptions.setRequestedMaxBandwidth(value);
  }

  subscribe(step) {
    const { client = "client", sub, mode, items, group, fields, schema, count, second } = step;
    const one = new this.sdk.Subscription(mode);
    if (items) one.setItems(items);
    else one.setItemGroup(group);
    if (fields) one.setFields(fields);
    else one.setFieldSchema(schema);
    if (step.data_adapter !== undefined) one.setDataAdapter(step.data_adapter);
    if (step.snapshot !== undefined) one.setRequestedSnapshot(step.snapshot);
    if (step.frequency !== undefined) one.setRequestedMaxFrequency(step.frequency);
    if (step.buffer !== undefined) one.setRequestedBufferSize(step.buffer);
    if (step.selector !== undefined) one.setSelector(step.selector);
    if (second) {
      one.setCommandSecondLevelFields(second.fields);
      one.setCommandSecondLevelDataAdapter(second.data_adapter);
    }
    const names = fields ? [...fields, ...(second ? second.fields : [])] : [...Array(count).keys()].map((at) => at + 1);
    one.addListener({
      onSubscription: () => this.note(sub, "subscribed"),
      onUnsubscription: () => this.note(sub, "unsubscribed"),
      onSubscriptionError: (code, text) => this.note(sub, "error", code, text),
      onRealMaxFrequency: (frequency) => this.note(sub, "frequency", frequency === null ? null : String(frequency)),
      onItemUpdate: (update) => {
        const values = names.map((name) => update.getValue(name));
        this.note(sub, "update", update.getItemName() ?? update.getItemPos(), update.isSnapshot(), values);
      },
      onEndOfSnapshot: (name, position) => this.note(sub, "end of snapshot", name ?? position),
      onClearSnapshot: (name, position) => this.note(sub, "clear", name ?? position),
      onItemLostUpdates: (name, position, lost) => this.note(sub, "lost", name ?? position, lost),
      onCommandSecondLevelSubscriptionError: (code, text, key) => this.note(sub, "second error", code, text, key),
    });
    this.subscriptions.set(sub, one);
    this.clients.get(client).subscribe(one);
  }

  unsubscribe({ client = "client", sub }) {
    this.clients.get(client).unsubscribe(this.subscriptions.get(sub));
  }

  frequency({ sub, value }) {
    this.subscriptions.get(sub).setRequestedMaxFrequency(value);
  }

  read({ sub, item, key, field, as }) {
    const one = this.subscriptions.get(sub);
    this.note(as, key === undefined ? one.getValue(item, field) : one.getCommandValue(item, key, field));
  }

  send({ client = "client", text, sequence, wait, as, queue = false }) {
    const listener = as === undefined ? undefined : {
      onProcessed: (_, response) => this.note(as, "processed", response ?? null),
      onDeny: (_, code, message) => this.note(as, "denied", code, message),
      onError: () => this.note(as, "error"),
      onDiscarded: () => this.note(as, "discarded"),
      onAbort: (_, sent) => this.note(as, "aborted", sent),
    };
    this.clients.get(client).sendMessage(text, sequence, wait, listener, queue);
  }

  // Something that the test does between client and server.
  outside({ what }) {
    this.note("outside", what);
  }

  leave() {
    for (const one of this.clients.values()) one.disconnect();
  }
}

// Plays runs, `width` at a time; `finished(id, problem)` is told about each.
export async function playAll(sdk, runs, width, report, finished) {
  const queue = [...runs];
  const worker = async () => {
    for (let run = queue.shift(); run; run = queue.shift()) finished(run.id, await play(sdk, run, report));
  };
  await Promise.all(Array.from({ length: width }, worker));
}
