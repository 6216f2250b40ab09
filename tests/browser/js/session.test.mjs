// Whole sessions, against a WebSocket and a fetch that the test plays itself.
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Client } from "../../../lsserver/web/client/lsclient.js";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** The sockets that the client opened, oldest first. */
let sockets;
/** The HTTP requests that it made: {url, body, answer(text), end(), fail()} */
let posts;
let webSocketsWork;

class FakeWebSocket {
  constructor(url, protocol) {
    Object.assign(this, { url, protocol, sent: [], closed: false });
    sockets.push(this);
    setImmediate(() => (webSocketsWork ? this.onopen() : this.onclose({ code: 1006 })));
  }
  send(text) {
    this.sent.push(text);
    if (text === "wsok") setImmediate(() => this.receive("WSOK"));
  }
  receive(...lines) {
    this.onmessage({ data: lines.map((line) => `${line}\r\n`).join("") });
  }
  close() {
    this.closed = true;
  }
  cut() {
    this.onclose({ code: 1006 });
  }
}

function fakeFetch(url, { body, signal }) {
  let controller;
  const stream = new ReadableStream({ start: (c) => (controller = c) });
  signal?.addEventListener("abort", () => {
    try {
      controller.error(new Error("aborted"));
    } catch {
      // it had ended before
    }
  });
  const encoder = new TextEncoder();
  posts.push({
    url,
    body,
    receive: (...lines) => controller.enqueue(encoder.encode(lines.map((line) => `${line}\r\n`).join(""))),
    end: () => controller.close(),
    fail: () => controller.error(new Error("cut")),
  });
  return Promise.resolve(new Response(stream));
}

let client;
let statuses;
const real = { WebSocket: globalThis.WebSocket, fetch: globalThis.fetch };

beforeEach(() => {
  sockets = [];
  posts = [];
  statuses = [];
  webSocketsWork = true;
  globalThis.WebSocket = FakeWebSocket;
  globalThis.fetch = fakeFetch;
});

afterEach(() => {
  client.disconnect();
  Object.assign(globalThis, real);
});

function connect(options) {
  client = new Client({ server: "http://server:8080/", adapterSet: "TEST", onStatus: (s) => statuses.push(s.state), ...options });
  client.connect();
}

/** Wait until there is such a thing, at most a minute. */
async function until(find, what) {
  for (const end = Date.now() + 60000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 2))) {
    const found = find();
    if (found) return found;
  }
  throw new Error(`waited in vain for ${what}`);
}

const socket = (i) => until(() => sockets[i], `socket ${i}`);
const sentBy = (it, start) => until(() => it.sent.find((text) => text.startsWith(start)), start);
const post = (i) => until(() => posts[i], `request ${i}`);

/** The parameters of a line. */
const read = (text) => Object.fromEntries(new URLSearchParams(text.split("\r\n").at(-1)));

const CONOK = ["CONOK,S1,50000,5000,*", "SERVNAME,s", "CLIENTIP,127.0.0.1", "CONS,unlimited"];

async function connected() {
  const first = await socket(0);
  await sentBy(first, "create_session");
  first.receive(...CONOK);
  return first;
}

test("WebSocket streaming, from the first word to the last", async () => {
  const seen = [];
  connect();
  const subscription = client.subscribe({ mode: "MERGE", items: ["item1", "item2"], fields: ["name", "price"],
    onUpdate: ({ item, values }) => seen.push([item, values.price]) });
  const it = await socket(0);
  assert.equal(it.url, "ws://server:8080/lightstreamer");
  assert.equal(it.protocol, "TLCP-2.5.0.lightstreamer.com");
  const create = read(await sentBy(it, "create_session"));
  assert.deepEqual(it.sent[0], "wsok");
  assert.equal(create.LS_cid, "mgQkwtwdysogQz2BJ4Ji kOj2Bg");
  assert.equal(create.LS_adapter_set, "TEST");
  assert.equal(create.LS_send_sync, "false");
  it.receive(...CONOK);
  const add = read(await sentBy(it, "control"));
  assert.equal(add.LS_session, undefined);
  it.receive(`REQOK,${add.LS_reqId}`, `SUBOK,${add.LS_subId},2,2`, `CONF,${add.LS_subId},unlimited,filtered`,
    `U,${add.LS_subId},1,ACME|3.04`, `U,${add.LS_subId},2,Foo|#`, `U,${add.LS_subId},1,|3.05`);
  assert.deepEqual(seen, [["item1", "3.04"], ["item2", null], ["item1", "3.05"]]);
  assert.equal(client.status.state, "connected");
  assert.equal(client.status.transport, "ws-streaming");
  assert.equal(client.status.sessionId, "S1");
  client.unsubscribe(subscription);
  await until(() => it.sent.some((text) => text.includes("LS_op=delete")), "delete");
  client.disconnect();
  assert.match(it.sent.at(-1), /LS_op=destroy/);
  assert.ok(it.closed);
  await until(() => client.status.state === "disconnected", "the end");
});

test("a cut socket: the session is recovered, with nothing missing and nothing twice", async () => {
  const seen = [];
  connect({ transport: "ws-streaming" });
  client.subscribe({ mode: "MERGE", items: ["i"], fields: ["f"], onUpdate: ({ values }) => seen.push(values.f) });
  const first = await connected();
  const add = read(await sentBy(first, "control"));
  const id = add.LS_subId;
  first.receive(`REQOK,${add.LS_reqId}`, `SUBOK,${id},1,1`, `CONF,${id},unlimited,filtered`, `U,${id},1,one`, `U,${id},1,two`);
  first.cut();
  const second = await socket(1);
  const bind = read(await sentBy(second, "bind_session"));
  assert.equal(bind.LS_session, "S1");
  assert.equal(bind.LS_recovery_from, "4");
  assert.equal(client.status.state, "recovering");
  // The server goes back further than necessary: CONF, and the two updates, are repeated.
  second.receive(...CONOK, "PROG,1", `CONF,${id},unlimited,filtered`, "PROBE", `U,${id},1,one`, `U,${id},1,two`, `U,${id},1,three`);
  assert.deepEqual(seen, ["one", "two", "three"]);
  assert.equal(client.status.sessionId, "S1");
  second.cut();
  const third = await socket(2);
  assert.equal(read(await sentBy(third, "bind_session")).LS_recovery_from, "5");
});

test("what is counted", async () => {
  connect({ transport: "ws-streaming" });
  const first = await connected();
  first.receive("SUBOK,9,1,1", "U,9,1,a", "EOS,9,1", "CS,9,1", "OV,9,1,1", "CONF,9,unlimited,unfiltered", "UNSUB,9", "SERVNAME,s",
    "CONS,unlimited", "PROBE", "MSGDONE,*,1,");
  first.cut();
  assert.equal(read(await sentBy(await socket(1), "bind_session")).LS_recovery_from, "8");
});

test("a session that cannot be recovered is replaced, and subscribed again", async () => {
  const resets = [];
  connect({ transport: "ws-streaming" });
  client.subscribe({ mode: "MERGE", items: ["i"], fields: ["f"], onReset: () => resets.push("reset") });
  const first = await connected();
  const add = read(await sentBy(first, "control"));
  first.receive(`REQOK,${add.LS_reqId}`, `SUBOK,${add.LS_subId},1,1`);
  first.cut();
  const second = await socket(1);
  await sentBy(second, "bind_session");
  second.receive("CONERR,4,Requested progressive not available");
  const third = await socket(2);
  assert.equal(read(await sentBy(third, "create_session")).LS_old_session, "S1");
  third.receive("CONOK,S2,50000,5000,*");
  const again = read(await sentBy(third, "control"));
  assert.notEqual(again.LS_subId, add.LS_subId);
  assert.deepEqual(resets, ["reset"]);
  assert.equal(client.status.sessionId, "S2");
});

test("a final refusal is final", async () => {
  connect({ transport: "ws-streaming" });
  const first = await socket(0);
  await sentBy(first, "create_session");
  first.receive("CONERR,1,User/password check failed");
  await until(() => client.status.state === "disconnected", "the end");
  assert.equal(client.status.error.code, 1);
  assert.equal(sockets.length, 1);
});

test("what the protocol does not allow ends the session with code 61", async () => {
  connect({ transport: "ws-streaming" });
  client.subscribe({ mode: "MERGE", items: ["i"], fields: ["f"] });
  const first = await connected();
  const add = read(await sentBy(first, "control"));
  first.receive(`SUBOK,${add.LS_subId},1,1`, `U,${add.LS_subId},1,`);
  await until(() => client.status.state === "disconnected", "the end");
  assert.equal(client.status.error.code, 61);
});

test("a change of the transport keeps the session", async () => {
  connect({ transport: "ws-streaming" });
  const first = await connected();
  client.useTransport("http-streaming");
  const rebind = read(await sentBy(first, "control"));
  assert.equal(rebind.LS_op, "force_rebind");
  assert.equal(rebind.LS_close_socket, "true");
  first.receive(`REQOK,${rebind.LS_reqId}`, "LOOP,0");
  const bind = await post(0);
  assert.equal(bind.url, "http://server:8080/lightstreamer/bind_session.txt?LS_protocol=TLCP-2.5.0");
  assert.equal(read(bind.body).LS_session, "S1");
  assert.equal(read(bind.body).LS_recovery_from, undefined);
  bind.receive(...CONOK);
  await until(() => client.status.transport === "http-streaming" && client.status.state === "connected", "HTTP");
  client.useTransport("http-polling");
  const second = await post(1);
  assert.match(second.body, /LS_op=force_rebind/);
  second.receive(`REQOK,${read(second.body).LS_reqId}`);
  second.end();
  bind.receive("LOOP,0");
  bind.end();
  const poll = await post(2);
  assert.equal(read(poll.body).LS_polling, "true");
  poll.receive(...CONOK, "U,1,1,x", "LOOP,0");
  poll.end();
  await post(3);
  assert.equal(client.status.sessionId, "S1");
  assert.ok(!statuses.includes("recovering"));
});

test("a change of mind while the transport changes: the socket that is being closed is not used again", async () => {
  connect();
  const first = await connected();
  client.useTransport("http-polling");
  const rebind = read(await sentBy(first, "control"));
  assert.equal(rebind.LS_close_socket, "true");
  client.useTransport("auto");
  first.receive(`REQOK,${rebind.LS_reqId}`, "LOOP,0");
  const second = await socket(1);
  await sentBy(second, "bind_session");
  assert.ok(!first.sent.some((text) => text.startsWith("bind_session")));
  first.onclose({ code: 1000 });
  second.receive(...CONOK);
  await until(() => client.status.state === "connected", "connected");
  assert.equal(client.status.transport, "ws-streaming");
  assert.deepEqual(posts, []);
});

test("auto without WebSocket: created with a poll, then streamed over HTTP", async () => {
  webSocketsWork = false;
  connect();
  const create = await post(0);
  assert.match(create.url, /create_session/);
  assert.equal(read(create.body).LS_polling, "true");
  create.receive("CONOK,S1,50000,0,*", "LOOP,0");
  create.end();
  const bind = await post(1);
  assert.equal(read(bind.body).LS_polling, undefined);
  bind.receive(...CONOK);
  await until(() => client.status.state === "connected", "connected");
  assert.equal(client.status.transport, "http-streaming");
});

test("HTTP: a request whose answer is empty is repeated", async () => {
  connect({ transport: "http-polling" });
  client.subscribe({ mode: "MERGE", items: ["i"], fields: ["f"] });
  const create = await post(0);
  create.receive("CONOK,S1,50000,0,*", "LOOP,0");
  create.end();
  const [add] = await until(() => {
    const found = posts.filter(({ url }) => url.includes("control"));
    return found.length === 1 && found;
  }, "the request");
  assert.equal(read(add.body).LS_session, "S1");
  add.end();
  const again = await until(() => posts.filter(({ url }) => url.includes("control"))[1], "the repetition");
  assert.equal(read(again.body).LS_subId, read(add.body).LS_subId);
  assert.notEqual(read(again.body).LS_reqId, read(add.body).LS_reqId);
});

test("an application that fails does not stop what comes after", async () => {
  const seen = [];
  const reported = [];
  globalThis.reportError = (error) => reported.push(error.message);
  connect({ transport: "ws-streaming" });
  client.subscribe({ mode: "MERGE", items: ["i"], fields: ["f"], onUpdate: ({ values }) => {
    seen.push(values.f);
    if (values.f === "bad") throw new Error("mine");
  } });
  const first = await connected();
  const { LS_subId: id } = read(await sentBy(first, "control"));
  first.receive(`SUBOK,${id},1,1`, `U,${id},1,bad`, `U,${id},1,good`);
  delete globalThis.reportError;
  assert.deepEqual(seen, ["bad", "good"]);
  assert.deepEqual(reported, ["mine"]);
});

test("a subscription that is refused says so and is not tried again", async () => {
  const errors = [];
  connect({ transport: "ws-streaming" });
  client.subscribe({ mode: "MERGE", items: ["i"], fields: ["f"], onError: (error) => errors.push([error.code, error.message]) });
  const first = await connected();
  const add = read(await sentBy(first, "control"));
  first.receive(`REQERR,${add.LS_reqId},21,Bad group`);
  await turn();
  assert.deepEqual(errors, [[21, "Bad group"]]);
});
