// A table with live details: "two-level" subscription.
//
// A COMMAND item says which rows there are, for instance the stocks of a portfolio. For each row a second
// subscription, in MERGE mode, to the item that has the name of the key brings more fields, for instance its price. This
// is an affair of the client alone; for the server these are ordinary subscriptions.

/**
 * @param {import("./lsclient.js").Client} client
 * @param {object} options
 * @param {string} options.item the COMMAND item
 * @param {string[]} options.fields its fields; `key` and `command` among them
 * @param {string} [options.dataAdapter]
 * @param {{fields: string[], dataAdapter?: string}} options.second the fields of the items named by the keys
 * @param {(key: string, row: object, changed: Set<string>) => void} options.onRow a row is new or has changed; `row`
 *   has the fields of both levels by name
 * @param {(key: string) => void} options.onRemove
 * @param {(error: Error) => void} [options.onError]
 * @returns {{close(): void}}
 */
export function subscribeRows(client, { item, fields, dataAdapter, second, onRow, onRemove, onError }) {
  const rows = new Map(); // by key: {values, subscription}

  function change(key, values, changed) {
    const row = rows.get(key);
    Object.assign(row.values, values);
    onRow(key, row.values, changed);
  }

  function add(key) {
    const values = Object.fromEntries(second.fields.map((name) => [name, null]));
    const subscription = client.subscribe({
      mode: "MERGE",
      items: [key],
      fields: second.fields,
      dataAdapter: second.dataAdapter,
      onUpdate: (update) => change(key, update.values, update.changed),
      onError,
    });
    rows.set(key, { values, subscription });
  }

  function remove(key) {
    client.unsubscribe(rows.get(key).subscription);
    rows.delete(key);
    onRemove(key);
  }

  const clear = () => [...rows.keys()].forEach(remove);

  const table = client.subscribe({
    mode: "COMMAND",
    items: [item],
    fields,
    dataAdapter,
    onUpdate({ key, command, values, changed }) {
      if (command === "DELETE") {
        if (rows.has(key)) remove(key);
        return;
      }
      if (!rows.has(key)) add(key);
      change(key, values, changed);
    },
    onClear: clear,
    onReset: clear,
    onError,
  });

  return {
    close() {
      client.unsubscribe(table);
      clear();
    },
  };
}
