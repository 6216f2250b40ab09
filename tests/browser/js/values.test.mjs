// Decoding the values of updates.
import assert from "node:assert/strict";
import test from "node:test";

import { ProtocolError } from "../../../lsserver/web/client/errors.js";
import { decodeValues } from "../../../lsserver/web/client/values.js";

/** Apply the lists one after the other and return the values after the last one, as texts. */
function after(...lists) {
  const count = lists[0].split("|").length;
  let values;
  for (const list of lists) values = decodeValues(list, values, count);
  return values.map((value) => (value === null ? null : String(value)));
}

test("ten fields through six updates", () => {
  const lists = [
    "20:00:33|3.04|0.0|2.41|3.67|3.03|3.04|#|#|$",
    "20:00:54|3.07|0.98|||3.06|3.07|||Suspended",
    "20:04:16|3.02|-0.65|||3.01|3.02|||$",
    "20:04:40|^4|3.02|3.03|||",
    "20:06:10|3.05|0.32|^7",
    "20:06:49|3.08|1.31|||3.08|3.09|||",
  ];
  const states = [
    ["20:00:33", "3.04", "0.0", "2.41", "3.67", "3.03", "3.04", null, null, ""],
    ["20:00:54", "3.07", "0.98", "2.41", "3.67", "3.06", "3.07", null, null, "Suspended"],
    ["20:04:16", "3.02", "-0.65", "2.41", "3.67", "3.01", "3.02", null, null, ""],
    ["20:04:40", "3.02", "-0.65", "2.41", "3.67", "3.02", "3.03", null, null, ""],
    ["20:06:10", "3.05", "0.32", "2.41", "3.67", "3.02", "3.03", null, null, ""],
    ["20:06:49", "3.08", "1.31", "2.41", "3.67", "3.08", "3.09", null, null, ""],
  ];
  states.forEach((state, i) => assert.deepEqual(after(...lists.slice(0, i + 1)), state));
});

test("what is percent-encoded is data, even if it looks like a mark", () => {
  assert.deepEqual(after("%23|%24|%5E|a#1|%231|100%25|a%7Cb|x%0D%0Ay|%E2%82%AC|€,+&="), [
    "#", "$", "^", "a#1", "#1", "100%", "a|b", "x\r\ny", "€", "€,+&=",
  ]);
});

test("one field that is unchanged", () => {
  assert.deepEqual(after("x", ""), ["x"]);
});

test("text differences, one after the other", () => {
  assert.deepEqual(after("foobar", "^Tbdzapcd", "^Taabg", "^Tddxyz", ""), ["zapxyz"]);
  assert.deepEqual(after("foo", "^Tdg%25$=,+%7C"), ["foo%$=,+|"]);
});

test("the base of a difference is the previous update of the item, whatever its key", () => {
  assert.deepEqual(after("k1|ADD|foo", "k2|ADD|^Tc", "k2|UPDATE|^Tb"), ["k2", "UPDATE", "f"]);
});

test("JSON Patch, and what may follow it", () => {
  const first = '20:00:33|{ "text": "aa%7Cbb", "attributes": [ { "font": "courier" }, "..." ] }';
  const patch = '20:00:54|^P[{"op":"replace","path":"/text","value":"aa%7Cbb%7Ccc"},{"op":"add","path":"/attributes/1","value":"bold"}]';
  const text = '{"text":"aa|bb|cc","attributes":[{"font":"courier"},"bold","..."]}';
  assert.deepEqual(after(first, patch), ["20:00:54", text]);
  assert.deepEqual(after(first, patch, "20:04:16|"), ["20:04:16", text]);
  assert.deepEqual(after(first, patch, '|^P[{"op":"remove","path":"/attributes"}]'), ["20:00:54", '{"text":"aa|bb|cc"}']);
  assert.deepEqual(after(first, patch, "|full", "|^Tb"), ["20:00:54", "f"]);
  assert.throws(() => after(first, patch, "|^Tb"), ProtocolError);
});

for (const [name, ...lists] of [
  ["unchanged in the first update", "a|"],
  ["a run in the first update", "^2|x"],
  ["a difference in the first update", "^Ta"],
  ["too few values", "a|b", "c"],
  ["too many values", "a|b", "c|d|e"],
  ["a run that is too long", "a|b", "^3"],
  ["an enormous run", "a|b", "^999999999"],
  ["a run of nothing", "a|b", "^0|c|d"],
  ["a run that is no number", "a|b", "^1x|"],
  ["an unknown difference", "a", "^Xa"],
  ["a text difference to null", "#", "^Ta"],
  ["a JSON Patch to null", "#", "^P[]"],
  ["a JSON Patch to a text that is no JSON", "{", "^P[]"],
  ["a JSON Patch that is no JSON", "{}", "^P["],
  ["bad percent-encoding", "%zz"],
]) {
  test(`refused: ${name}`, () => {
    assert.throws(() => after(...lists), ProtocolError);
  });
}
