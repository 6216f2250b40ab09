// Subscriptions in the four modes, fed with the lines that a server sends.
import assert from "node:assert/strict";
import test from "node:test";

import { splitLine } from "../../../lsserver/web/client/lines.js";
import { ProtocolError } from "../../../lsserver/web/client/errors.js";
import { Subscription } from "../../../lsserver/web/client/subscription.js";

/** Make a subscription that records what it tells the application, and feed it with lines. */
function subscribed(options, ...lines) {
  const told = [];
  const record = (name) => (...args) => told.push([name, ...args]);
  const subscription = new Subscription({
    ...options,
    onUpdate: ({ item, isSnapshot, values, changed, key, command }) =>
      told.push([isSnapshot ? "snapshot" : "update", item, values, [...changed], ...(key === undefined ? [] : [key, command])]),
    onSnapshotEnd: record("end"),
    onClear: record("clear"),
    onLost: record("lost"),
    onReset: record("reset"),
  });
  subscription.request(1);
  for (const line of lines) {
    const [tag, ...args] = splitLine(line);
    subscription.notification(tag, args);
  }
  return { subscription, told };
}

test("the request", () => {
  const subscription = new Subscription({ mode: "MERGE", items: ["a", "b"], fields: ["x", "y"], dataAdapter: "Q", maxFrequency: 2.5 });
  assert.deepEqual(JSON.parse(JSON.stringify(subscription.request(7))), {
    LS_op: "add", LS_subId: 7, LS_mode: "MERGE", LS_group: "a b", LS_schema: "x y", LS_data_adapter: "Q", LS_snapshot: true,
    LS_requested_max_frequency: 2.5,
  });
  assert.equal(new Subscription({ mode: "RAW", group: "g", schema: "s" }).request(1).LS_snapshot, false);
  assert.throws(() => new Subscription({ mode: "merge" }), TypeError);
});

test("MERGE: the first update of an item is the snapshot", () => {
  const { told } = subscribed({ mode: "MERGE", items: ["a", "b"], fields: ["n", "p"] },
    "SUBOK,1,2,2", "CONF,1,unlimited,filtered", "U,1,1,ACME|3.04", "U,1,2,Foo%7CBar|#", "U,1,1,|3.05");
  assert.deepEqual(told, [
    ["snapshot", "a", { n: "ACME", p: "3.04" }, ["n", "p"]],
    ["snapshot", "b", { n: "Foo|Bar", p: null }, ["n", "p"]],
    ["update", "a", { n: "ACME", p: "3.05" }, ["p"]],
  ]);
});

test("MERGE without a snapshot", () => {
  const { told } = subscribed({ mode: "MERGE", items: ["a"], fields: ["n"], snapshot: false }, "SUBOK,1,1,1", "U,1,1,x");
  assert.deepEqual(told, [["update", "a", { n: "x" }, ["n"]]]);
});

test("RAW", () => {
  const { told } = subscribed({ mode: "RAW", items: ["log"], fields: ["lev", "txt"] },
    "SUBOK,1,1,2", "CONF,1,unlimited,unfiltered", "U,1,1,INFO|start", "U,1,1,|stop", "OV,1,1,3", "U,1,1,WARN|#");
  assert.deepEqual(told, [
    ["update", "log", { lev: "INFO", txt: "start" }, ["lev", "txt"]],
    ["update", "log", { lev: "INFO", txt: "stop" }, ["txt"]],
    ["lost", "log", 3],
    ["update", "log", { lev: "WARN", txt: null }, ["lev", "txt"]],
  ]);
});

test("DISTINCT: updates before EOS are the snapshot", () => {
  const { told } = subscribed({ mode: "DISTINCT", group: "news", schema: "s", snapshot: 2 },
    "SUBOK,1,1,1", "CONF,1,unlimited,filtered", "U,1,1,n-1", "U,1,1,n", "EOS,1,1", "U,1,1,n+1", "CS,1,1");
  assert.deepEqual(told, [
    ["snapshot", 1, { 1: "n-1" }, [1]],
    ["snapshot", 1, { 1: "n" }, [1]],
    ["end", 1],
    ["update", 1, { 1: "n+1" }, [1]],
    ["clear", 1],
  ]);
});

test("COMMAND: rows by key, but differences to the previous update", () => {
  const { told } = subscribed({ mode: "COMMAND", items: ["pf"], fields: ["key", "command", "qty"] },
    "SUBCMD,1,1,3,1,2", "CONF,1,unlimited,filtered",
    "U,1,1,k1|ADD|10", "U,1,1,k2||20", "EOS,1,1", "U,1,1,k1|UPDATE|11", "U,1,1,||12", "U,1,1,k2|DELETE|#", "U,1,1,k3|ADD|^1");
  assert.deepEqual(told, [
    ["snapshot", "pf", { key: "k1", command: "ADD", qty: "10" }, ["key", "command", "qty"], "k1", "ADD"],
    ["snapshot", "pf", { key: "k2", command: "ADD", qty: "20" }, ["key", "command", "qty"], "k2", "ADD"],
    ["end", "pf"],
    ["update", "pf", { key: "k1", command: "UPDATE", qty: "11" }, ["command", "qty"], "k1", "UPDATE"],
    ["update", "pf", { key: "k1", command: "UPDATE", qty: "12" }, ["qty"], "k1", "UPDATE"],
    ["update", "pf", { key: "k2", command: "DELETE", qty: null }, ["command", "qty"], "k2", "DELETE"],
    ["update", "pf", { key: "k3", command: "ADD", qty: null }, ["key", "command", "qty"], "k3", "ADD"],
  ]);
});

test("COMMAND: a known key is updated, an unknown one is added, and CS empties the table", () => {
  const { told } = subscribed({ mode: "COMMAND", items: ["pf"], fields: ["key", "command"], snapshot: false },
    "SUBCMD,1,1,2,1,2", "U,1,1,k|UPDATE", "U,1,1,k|ADD", "CS,1,1", "U,1,1,|");
  assert.deepEqual(told.map((entry) => entry.at(-1)), ["ADD", "UPDATE", "pf", "ADD"]);
});

test("a new session begins with nothing", () => {
  const { subscription, told } = subscribed({ mode: "MERGE", items: ["a"], fields: ["n"] }, "SUBOK,1,1,1", "U,1,1,x");
  subscription.reset();
  assert.equal(subscription.active, false);
  assert.deepEqual(told.at(-1), ["reset"]);
  subscription.request(2);
  assert.throws(() => subscription.notification("U", ["2", "1", ""]), ProtocolError);
});

test("the numbers of items and fields must be the ones that were asked for", () => {
  assert.throws(() => subscribed({ mode: "MERGE", items: ["a"], fields: ["n"] }, "SUBOK,1,2,1"), ProtocolError);
  assert.throws(() => subscribed({ mode: "MERGE", items: ["a"], fields: ["n"] }, "SUBOK,1,1,2"), ProtocolError);
});
