// TLCP-diff and JSON Patch. The examples of TLCP-diff are those that the official clients are tested with.
import assert from "node:assert/strict";
import test from "node:test";

import { applyJsonPatch, applyTextDiff } from "../../../lsserver/web/client/diffs.js";
import { ProtocolError } from "../../../lsserver/web/client/errors.js";

const A = "A".repeat(30);
const B = "B".repeat(30);

const EXAMPLES = [
  ["foo", "d", "foo"],
  ["foobar", "d", "foo"],
  ["foo", "c", "fo"],
  ["foobar", "bdzap", "fzap"],
  ["foobar", "bdzapcd", "fzapbar"],
  ["fzapbar", "aabg", "zapbar"],
  ["zapbar", "ddxyz", "zapxyz"],
  ["foobar", "adzapad", "zapfoo"],
  ["foobar", "cacc", "foar"],
  ["foobar", "baeb", "fr"],
  ["", "adfoo", "foo"],
  ["foo", "dg%$=,+|", "foo%$=,+|"],
  ["The quick brown fox jumps over the lazy dog", "kdredfBc", "The quick red fox jumps over the lazy dog"],
  [`${A}x${B}`, "BecyzbBe", `${A}yz${B}`],
  ["12:00:01", "hb2", "12:00:02"],
  ["anything", "", ""],
];

for (const [old, diff, result] of EXAMPLES) {
  test(`the text ${JSON.stringify(old)} with ${JSON.stringify(diff)}`, () => {
    assert.equal(applyTextDiff(old, diff), result);
  });
}

for (const [number, digits] of [[0, "a"], [3, "d"], [25, "z"], [26, "Ba"], [29, "Bd"], [40, "Bo"], [52, "Ca"], [675, "Zz"], [676, "BAa"], [999, "BMl"]]) {
  test(`the number ${number} is written ${digits}`, () => {
    const text = "x".repeat(1000);
    assert.equal(applyTextDiff(text, digits).length, number);
  });
}

for (const [old, diff] of [["foo", "e"], ["foo", "adab"], ["foo", "aae"], ["foo", "1"], ["foo", "B"], ["foo", "{"]]) {
  test(`the text difference ${diff} does not fit ${old}`, () => {
    assert.throws(() => applyTextDiff(old, diff), ProtocolError);
  });
}

const PATCHES = [
  ["replace a member", { a: 1, b: [1, 2] }, [{ op: "replace", path: "/a", value: 2 }], { a: 2, b: [1, 2] }],
  ["add a member", { a: 1 }, [{ op: "add", path: "/b", value: null }], { a: 1, b: null }],
  ["add to a list", [1, 3], [{ op: "add", path: "/1", value: 2 }], [1, 2, 3]],
  ["add at the end of a list", [1], [{ op: "add", path: "/-", value: 2 }], [1, 2]],
  ["remove a member", { a: 1, b: 2 }, [{ op: "remove", path: "/a" }], { b: 2 }],
  ["remove from a list", [1, 2, 3], [{ op: "remove", path: "/1" }], [1, 3]],
  ["replace in a list", [1, 2, 3], [{ op: "replace", path: "/1", value: 9 }], [1, 9, 3]],
  ["replace the document", { a: 1 }, [{ op: "replace", path: "", value: [] }], []],
  ["move", { a: { b: 1 }, c: {} }, [{ op: "move", from: "/a/b", path: "/c/d" }], { a: {}, c: { d: 1 } }],
  ["move inside a list", [1, 2, 3], [{ op: "move", from: "/0", path: "/2" }], [2, 3, 1]],
  ["copy", { a: [1] }, [{ op: "copy", from: "/a", path: "/b" }, { op: "add", path: "/b/-", value: 2 }], { a: [1], b: [1, 2] }],
  ["test", { a: { x: 1, y: 2 } }, [{ op: "test", path: "/a", value: { y: 2, x: 1 } }], { a: { x: 1, y: 2 } }],
  ["escaped names", { "a/b": 1, "m~n": 2 }, [{ op: "replace", path: "/a~1b", value: 3 }, { op: "remove", path: "/m~0n" }], { "a/b": 3 }],
  ["a name that means something else in JavaScript", {}, [{ op: "add", path: "/__proto__", value: { x: 1 } }], JSON.parse('{"__proto__":{"x":1}}')],
];

for (const [name, old, patch, result] of PATCHES) {
  test(`JSON Patch: ${name}`, () => {
    const before = JSON.stringify(old);
    assert.deepEqual(JSON.stringify(applyJsonPatch(old, patch)), JSON.stringify(result));
    assert.equal(JSON.stringify(old), before, "the old document is left as it was");
  });
}

const BAD_PATCHES = [
  ["not there", {}, [{ op: "remove", path: "/a" }]],
  ["replaced, but not there", {}, [{ op: "replace", path: "/a", value: 1 }]],
  ["out of the list", [1], [{ op: "add", path: "/3", value: 1 }]],
  ["in a number", { a: 1 }, [{ op: "add", path: "/a/b", value: 1 }]],
  ["a test that fails", { a: 1 }, [{ op: "test", path: "/a", value: 2 }]],
  ["unknown operation", {}, [{ op: "spam", path: "" }]],
  ["no pointer", {}, [{ op: "add", path: "a", value: 1 }]],
  ["no list", {}, { op: "add", path: "/a", value: 1 }],
];

for (const [name, old, patch] of BAD_PATCHES) {
  test(`JSON Patch is refused: ${name}`, () => {
    assert.throws(() => applyJsonPatch(old, patch), ProtocolError);
  });
}
