// Requests and messages: what is sent, what is sent again, and how it ends.
import assert from "node:assert/strict";
import test from "node:test";

import { ProtocolError, RefusedError, SessionLostError } from "../../../lsserver/web/client/errors.js";
import { Messages } from "../../../lsserver/web/client/messages.js";
import { RequestQueue } from "../../../lsserver/web/client/requests.js";

/** A link that only records. */
class Link {
  kind = "ws";
  sent = [];
  async send(name, lines) {
    this.sent.push([name, ...lines.map((line) => new URLSearchParams(line))]);
  }
  sessionParameter() {
    return undefined;
  }
  /** The LS_reqId of the request that has this value for this parameter, in the last batch that has it. */
  idOf(name, value) {
    return this.sent.flatMap(([, ...all]) => all).findLast((request) => request.get(name) === value).get("LS_reqId");
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("requests of one turn travel together, kind by kind, in order", async () => {
  const link = new Link();
  const queue = new RequestQueue(() => "S1");
  queue.attach(link);
  queue.add("control", { LS_op: "add", LS_subId: 1 });
  queue.add("control", { LS_op: "add", LS_subId: 2 });
  queue.add("msg", { LS_message: "x" });
  queue.add("control", { LS_op: "delete", LS_subId: 1 });
  await turn();
  assert.deepEqual(link.sent.map(([name, ...requests]) => [name, requests.length]), [["control", 2], ["msg", 1], ["control", 1]]);
});

test("a batch is not longer than the server allows, but a request always goes", async () => {
  const link = new Link();
  const queue = new RequestQueue(() => "S1");
  queue.limit = 60;
  for (const text of ["a", "b", "c".repeat(100), "d"]) queue.add("msg", { LS_message: text, LS_msg_prog: 1 });
  queue.attach(link);
  await turn();
  assert.deepEqual(link.sent.map(([, ...requests]) => requests.length), [1, 1, 1, 1]);
});

test("the answers", async () => {
  const link = new Link();
  const queue = new RequestQueue(() => "S1");
  queue.attach(link);
  const good = queue.add("control", { LS_subId: 1 });
  const bad = queue.add("control", { LS_subId: 2 });
  await turn();
  queue.answered("REQERR", [link.idOf("LS_subId", "2"), "24", "Invalid mode%2C sorry"]);
  queue.answered("REQOK", [link.idOf("LS_subId", "1")]);
  queue.answered("REQOK", ["never sent"]);
  await good;
  await assert.rejects(bad, (error) => error instanceof RefusedError && error.code === 24 && error.message === "Invalid mode, sorry");
  assert.throws(() => queue.answered("ERROR", ["67", "Malformed"]), ProtocolError);
});

test("what was not answered is sent again over the next link, with another id", async () => {
  const first = new Link();
  const queue = new RequestQueue(() => "S1");
  queue.attach(first);
  const answered = queue.add("control", { LS_subId: 1 });
  queue.add("control", { LS_subId: 2 });
  queue.add("control", { LS_op: "force_rebind" }, { once: true });
  await turn();
  queue.answered("REQOK", [first.idOf("LS_subId", "1")]);
  await answered;
  queue.detach();
  queue.add("control", { LS_subId: 3 });
  await turn();
  const second = new Link();
  queue.attach(second);
  await turn();
  assert.deepEqual(second.sent[0].slice(1).map((request) => request.get("LS_subId")), ["2", "3"]);
  assert.notEqual(second.idOf("LS_subId", "2"), first.idOf("LS_subId", "2"));
});

test("the end of the session tells which requests had left", async () => {
  const queue = new RequestQueue(() => "S1");
  const link = new Link();
  queue.attach(link);
  const sent = queue.add("msg", { LS_message: "x" });
  await turn();
  queue.detach();
  const waiting = queue.add("msg", { LS_message: "y" });
  queue.abandon();
  await assert.rejects(sent, (error) => error instanceof SessionLostError && error.sent);
  await assert.rejects(waiting, (error) => error instanceof SessionLostError && !error.sent);
});

/** Messages with a session whose requests are recorded; answer(i, error) answers the i-th one. */
function messagesWithSession() {
  const messages = new Messages();
  const requests = [];
  const queue = {
    add: (name, parameters) => new Promise((resolve, reject) => requests.push({ name, parameters, resolve, reject })),
  };
  messages.start(queue);
  return { messages, requests, queue };
}

test("numbers of messages, by sequence", () => {
  const { messages, requests } = messagesWithSession();
  messages.send("a");
  messages.send("b", { sequence: "s", maxWait: 100 });
  messages.send("c", { sequence: "s" });
  messages.send("d");
  assert.deepEqual(requests.map(({ parameters: p }) => [p.LS_message, p.LS_sequence, p.LS_msg_prog, p.LS_max_wait]), [
    ["a", undefined, 1, undefined], ["b", "s", 1, 100], ["c", "s", 2, undefined], ["d", undefined, 2, undefined],
  ]);
});

test("outcomes of messages", async () => {
  const { messages } = messagesWithSession();
  const [done, denied, failed] = [messages.send("a"), messages.send("b"), messages.send("c", { sequence: "s" })];
  messages.notification("MSGDONE", ["*", "1", "Processed%2C id 7"]);
  messages.notification("MSGFAIL", ["*", "2", "-3", "no"]);
  messages.notification("MSGFAIL", ["s", "1", "38", "late"]);
  messages.notification("MSGDONE", ["s", "9", ""]);
  assert.equal(await done, "Processed, id 7");
  await assert.rejects(denied, { code: -3, message: "no" });
  await assert.rejects(failed, { code: 38 });
});

test("with code 39 the text counts the messages that were skipped", async () => {
  const { messages } = messagesWithSession();
  const sent = ["a", "b", "c"].map((text) => messages.send(text, { sequence: "s" }));
  messages.notification("MSGFAIL", ["s", "3", "39", "2"]);
  messages.notification("MSGDONE", ["s", "1", ""]);
  assert.equal(await sent[0], "");
  await assert.rejects(sent[1], { code: 39 });
  await assert.rejects(sent[2], { code: 39 });
});

test("a refused message fails at once, one that the server had before does not", async () => {
  const { messages, requests } = messagesWithSession();
  const refused = messages.send("a");
  const repeated = messages.send("b");
  requests[0].reject(new RefusedError(68, "internal error"));
  requests[1].reject(new RefusedError(33, "already received"));
  await assert.rejects(refused, { code: 68 });
  messages.notification("MSGDONE", ["*", "2", "ok"]);
  assert.equal(await repeated, "ok");
});

test("a message waits for a session, and one that never left goes with the next", async () => {
  const messages = new Messages();
  const early = messages.send("early");
  const { requests, queue } = messagesWithSession();
  messages.start(queue);
  assert.equal(requests.length, 1);
  const left = messages.send("left");
  requests[0].reject(new SessionLostError(false));
  requests[1].reject(new SessionLostError(true));
  await turn();
  messages.end();
  await assert.rejects(left, SessionLostError);
  messages.start(queue);
  assert.equal(requests[2].parameters.LS_message, "early");
  assert.equal(requests[2].parameters.LS_msg_prog, 1);
  messages.notification("MSGDONE", ["*", "1", ""]);
  assert.equal(await early, "");
});
