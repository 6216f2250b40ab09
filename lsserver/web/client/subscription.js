// A subscription: some items (a "group"), some fields of each (a "schema"), and a mode that says what an update of an
// item means:
//
//   MERGE     the item is a record; an update brings the fields that have changed
//   DISTINCT  the item is a row of events that stand for themselves, like messages of a chat
//   COMMAND   the item is a table; the fields `key` and `command` (ADD, UPDATE, DELETE) say what happens to which row
//   RAW       the item is whatever the Data Adapter sends, event by event, with nothing left out
//
// The server answers a subscription with SUBOK or SUBCMD, then CONF, the snapshot if there is one, and updates.

import { ProtocolError } from "./errors.js";
import { decodeInteger } from "./lines.js";
import { decodeValues } from "./values.js";

const MODES = ["MERGE", "DISTINCT", "COMMAND", "RAW"];

export class Subscription {
  /** LS_subId in the present session, or null if it is not subscribed now. */
  id = null;
  /** True from SUBOK until the end of the session or of the subscription. */
  active = false;
  #items = new Map(); // by position, 1-based
  #fieldCount;
  #keyField;
  #commandField;

  /**
   * @param {object} options
   * @param {"MERGE"|"DISTINCT"|"COMMAND"|"RAW"} options.mode
   * @param {string[]} [options.items] names of items, or
   * @param {string} [options.group] a name that the Metadata Adapter understands
   * @param {string[]} [options.fields] names of fields, or
   * @param {string} [options.schema] a name that the Metadata Adapter understands
   * @param {string} [options.dataAdapter]
   * @param {boolean|number} [options.snapshot] true by default; a number: at most so many events (DISTINCT)
   * @param {number|"unlimited"|"unfiltered"} [options.maxFrequency] updates per second and item
   * @param {number|"unlimited"} [options.bufferSize]
   * @param {string} [options.selector]
   * @param {(update: object) => void} [options.onUpdate] see #makeUpdate
   * @param {(item: string|number) => void} [options.onSnapshotEnd] DISTINCT and COMMAND
   * @param {(item: string|number) => void} [options.onClear] the Data Adapter has emptied the item
   * @param {(item: string|number, count: number) => void} [options.onLost] updates had to be dropped
   * @param {(subscription: Subscription) => void} [options.onSubscribed]
   * @param {() => void} [options.onReset] the session is a new one: what was received before is void
   * @param {(error: Error) => void} [options.onError] the server refused the subscription
   */
  constructor(options) {
    if (!MODES.includes(options.mode)) throw new TypeError(`unknown mode: ${options.mode}`);
    this.options = { snapshot: options.mode !== "RAW", ...options };
  }

  /** The parameters of the request that adds this subscription. Names in a list are separated by one space. */
  request(id) {
    const { mode, items, group, fields, schema, dataAdapter, selector, snapshot, maxFrequency, bufferSize } = this.options;
    this.id = id;
    return {
      LS_op: "add",
      LS_subId: id,
      LS_mode: mode,
      LS_group: items?.join(" ") ?? group,
      LS_schema: fields?.join(" ") ?? schema,
      LS_data_adapter: dataAdapter,
      LS_selector: selector,
      LS_snapshot: snapshot,
      LS_requested_max_frequency: maxFrequency,
      LS_requested_buffer_size: bufferSize,
    };
  }

  /** Forget everything that belongs to a session. */
  reset() {
    const had = this.active;
    this.id = null;
    this.active = false;
    this.#items.clear();
    if (had) this.options.onReset?.();
  }

  refused(error) {
    this.id = null;
    this.options.onError?.(error);
  }

  /** Take one of the notifications that carry the number of this subscription. */
  notification(tag, args) {
    const { options } = this;
    const position = tag === "SUBOK" || tag === "SUBCMD" || tag === "CONF" ? null : decodeInteger(args[1]);
    switch (tag) {
      case "SUBOK": // SUBOK,<subscription>,<items>,<fields>
      case "SUBCMD": // SUBCMD,<subscription>,<items>,<fields>,<position of key>,<position of command>
        this.#fieldCount = decodeInteger(args[2]);
        if (tag === "SUBCMD") [this.#keyField, this.#commandField] = [decodeInteger(args[3]) - 1, decodeInteger(args[4]) - 1];
        if (options.items && options.items.length !== decodeInteger(args[1])) throw new ProtocolError("wrong number of items");
        if (options.fields && options.fields.length !== this.#fieldCount) throw new ProtocolError("wrong number of fields");
        this.active = true;
        options.onSubscribed?.(this);
        break;
      case "CONF": // CONF,<subscription>,<updates per second>,<filtered or unfiltered>
        this.frequency = args[1];
        break;
      case "U":
        this.#update(position, args[2]);
        break;
      case "EOS":
        this.#item(position).inSnapshot = false;
        options.onSnapshotEnd?.(this.#itemName(position));
        break;
      case "CS": // the rows are gone, but the base of the next update stays
        this.#item(position).rows.clear();
        options.onClear?.(this.#itemName(position));
        break;
      case "OV":
        options.onLost?.(this.#itemName(position), decodeInteger(args[2]));
        break;
    }
  }

  #item(position) {
    let item = this.#items.get(position);
    if (item === undefined) {
      const { mode, snapshot } = this.options;
      item = { last: undefined, rows: new Map(), inSnapshot: snapshot !== false && mode !== "RAW" };
      this.#items.set(position, item);
    }
    return item;
  }

  #itemName(position) {
    return this.options.items?.[position - 1] ?? position;
  }

  #fieldName(index) {
    return this.options.fields?.[index] ?? index + 1;
  }

  /** U,<subscription>,<item>,<values> */
  #update(position, text) {
    const item = this.#item(position);
    const before = item.last;
    item.last = decodeValues(text, before, this.#fieldCount);
    const values = item.last.map((value) => (value === null ? null : String(value)));
    const update = this.options.mode === "COMMAND"
      ? this.#commandUpdate(item, values)
      : { values, old: before?.map((value) => (value === null ? null : String(value))) };
    const isSnapshot = item.inSnapshot;
    if (this.options.mode === "MERGE") item.inSnapshot = false; // there is no EOS: the first update is the snapshot
    this.options.onUpdate?.(this.#makeUpdate(position, isSnapshot, update));
  }

  /** What an update of a table means for the row of its key. */
  #commandUpdate(item, values) {
    const key = values[this.#keyField];
    const old = item.rows.get(key);
    if (values[this.#commandField] === "DELETE") {
      item.rows.delete(key);
      values = values.map((value, i) => (i === this.#keyField || i === this.#commandField ? value : null));
    } else {
      values[this.#commandField] = old === undefined ? "ADD" : "UPDATE";
      item.rows.set(key, values);
    }
    return { key, command: values[this.#commandField], values, old };
  }

  /**
   * What the application gets: {item, position, isSnapshot, values, changed} and in COMMAND mode {key, command}.
   * `values` has all fields by name (by position, from 1 on, if the subscription was made with a schema), as texts
   * or null; `changed` is the set of those that differ from before (COMMAND: from the previous values of the same row).
   */
  #makeUpdate(position, isSnapshot, { key, command, values, old }) {
    const byName = {};
    const changed = new Set();
    values.forEach((value, index) => {
      const name = this.#fieldName(index);
      byName[name] = value;
      if (old === undefined || old[index] !== value) changed.add(name);
    });
    const update = { item: this.#itemName(position), position, isSnapshot, values: byName, changed };
    return key === undefined ? update : { ...update, key, command };
  }
}
