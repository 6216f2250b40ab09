// Lines in both directions, and the addresses and transports that carry them.
import assert from "node:assert/strict";
import test from "node:test";

import { ProtocolError } from "../../../lsserver/web/client/errors.js";
import {
  LineReader, decodeInteger, decodeText, encodeParameters, isDataNotification, splitLine,
} from "../../../lsserver/web/client/lines.js";
import { Ladder, TRANSPORTS, endpointAddress } from "../../../lsserver/web/client/transports.js";

test("parameters are encoded, and left out when they are not set", () => {
  assert.equal(
    encodeParameters({ LS_op: "add", LS_group: "item1 item2", LS_user: undefined, LS_message: "a&b=c+d%\r\n|é" }),
    "LS_op=add&LS_group=item1%20item2&LS_message=a%26b%3Dc%2Bd%25%0D%0A%7C%C3%A9",
  );
});

test("an update keeps the commas of its values", () => {
  assert.deepEqual(splitLine("U,3,1,a,b|c,d"), ["U", "3", "1", "a,b|c,d"]);
  assert.deepEqual(splitLine("U,3,1,"), ["U", "3", "1", ""]);
  assert.throws(() => splitLine("U,3,1"), ProtocolError);
});

test("other lines are split at every comma", () => {
  assert.deepEqual(splitLine("CONOK,S1,50000,5000,*"), ["CONOK", "S1", "50000", "5000", "*"]);
  assert.deepEqual(splitLine("PROBE"), ["PROBE"]);
});

test("texts are decoded, plus stays plus", () => {
  assert.equal(decodeText("Processed%2C id 7"), "Processed, id 7");
  assert.equal(decodeText("1+1"), "1+1");
  assert.equal(decodeText(undefined), "");
  assert.throws(() => decodeText("%E2%82"), ProtocolError);
  assert.throws(() => decodeInteger("x"), ProtocolError);
  assert.throws(() => decodeInteger(undefined), ProtocolError);
  assert.equal(decodeInteger("-5"), -5);
});

test("lines are whole however the text is cut", () => {
  const text = "CONOK,S1\r\nU,1,1,a|b\r\n\r\nPROBE\r\n";
  for (let first = 0; first <= text.length; first++) {
    for (let second = first; second <= text.length; second++) {
      const reader = new LineReader();
      const lines = [text.slice(0, first), text.slice(first, second), text.slice(second)].flatMap((piece) => reader.read(piece));
      assert.deepEqual(lines, ["CONOK,S1", "U,1,1,a|b", "", "PROBE"]);
    }
  }
});

test("an incomplete last line is not a line", () => {
  assert.deepEqual(new LineReader().read("PROBE\r\nLOOP,0"), ["PROBE"]);
});

test("what is counted for recovery", () => {
  for (const tag of ["U", "SUBOK", "SUBCMD", "UNSUB", "EOS", "CS", "OV", "CONF", "MSGDONE", "MSGFAIL", "MPNREG", "MPNDEL"]) {
    assert.ok(isDataNotification(tag), tag);
  }
  for (const tag of ["CONOK", "SERVNAME", "CLIENTIP", "CONS", "PROBE", "NOOP", "SYNC", "PROG", "LOOP", "END", "REQOK", "WSOK"]) {
    assert.ok(!isDataNotification(tag), tag);
  }
});

test("the address of the endpoints", () => {
  for (const [server, link, address] of [
    ["http://server", "*", "http://server/lightstreamer"],
    ["http://server:8080/my/prefix/", "*", "http://server:8080/my/prefix/lightstreamer"],
    ["http://server", "host.com", "http://host.com/lightstreamer"],
    ["http://server", "host.com:90", "http://host.com:90/lightstreamer"],
    ["http://server:8080", "10.0.0.1", "http://10.0.0.1:8080/lightstreamer"],
    ["https://server:8443", "host.com:443/p", "https://host.com/p/lightstreamer"],
    ["http://server", "host.com/TestPrefix", "http://host.com/TestPrefix/lightstreamer"],
    ["http://server:8080", "[::1]", "http://[::1]:8080/lightstreamer"],
    ["http://server:8080", "[::1]:90", "http://[::1]:90/lightstreamer"],
    ["http://server:8080", "https://other", "https://other/lightstreamer"],
  ]) {
    assert.equal(endpointAddress(server, link), address);
  }
});

test("a fixed transport stays what it is", () => {
  const ladder = new Ladder("http-polling");
  ladder.failed(ladder.transport);
  assert.equal(ladder.transport, TRANSPORTS["http-polling"]);
  assert.throws(() => new Ladder("pigeon"), TypeError);
});

test("auto goes down until something works, and round again", () => {
  const ladder = new Ladder("auto");
  const seen = [];
  for (let i = 0; i < 4; i++) {
    seen.push(ladder.transport.name);
    ladder.failed(ladder.transport);
  }
  assert.deepEqual(seen, ["ws-streaming", "http-streaming", "http-polling", "ws-streaming"]);
});

test("auto goes back to what worked before an outage, once", () => {
  const ladder = new Ladder("auto");
  ladder.worked(ladder.transport);
  assert.equal(ladder.climb(), false);
  ladder.failed(ladder.transport); // the outage
  ladder.worked(ladder.transport); // it was over when HTTP was tried
  assert.equal(ladder.climb(), true);
  assert.equal(ladder.transport.name, "ws-streaming");
  ladder.failed(ladder.transport); // but WebSocket does not work any more
  assert.equal(ladder.transport.name, "http-streaming");
  ladder.worked(ladder.transport);
  assert.equal(ladder.climb(), false);
});
