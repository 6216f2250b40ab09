// The values of an update. `U,1,2,ACME||#|$` says, for item 2 of subscription 1 and its fields in order:
//
//   ACME       the new value, percent-encoded where necessary
//   (nothing)  as in the previous update of this item
//   #          null
//   $          the empty text
//   ^3         this field and the next ones, 3 in all, are as in the previous update
//   ^T...      the difference to the previous value, as TLCP-diff
//   ^P...      the difference to the previous value, as JSON Patch
//
// "The previous update" is the last one that was received for the same item of the same subscription,
// field by field. That holds in every mode, also in COMMAND mode, where it may have been about another key.

import { applyJsonPatch, applyTextDiff } from "./diffs.js";
import { ProtocolError } from "./errors.js";
import { decodeText } from "./lines.js";

/**
 * A value that came out of a JSON Patch. We hold the document rather than its text, because the next patch
 * applies to the document; the text that the Data Adapter wrote is not known.
 */
export class JsonValue {
  #text;

  constructor(document) {
    this.document = document;
  }

  toString() {
    return (this.#text ??= JSON.stringify(this.document));
  }
}

/**
 * Decode the last argument of `U`.
 *
 * @param {string} text what stands after the third comma
 * @param {Array<string|JsonValue|null>|undefined} previous the result of the previous call for this item
 * @param {number} count how many fields the subscription has
 * @returns {Array<string|JsonValue|null>} one entry per field
 */
export function decodeValues(text, previous, count) {
  const values = [];
  // Split before anything is decoded: a bar that belongs to a value arrives as %7C.
  for (const token of text.split("|")) {
    const field = values.length;
    if (/^\^\d/.test(token)) {
      const run = Number(token.slice(1));
      if (!(run >= 1 && field + run <= count)) throw new ProtocolError(`bad run of unchanged fields: ${token}`);
      for (let i = 0; i < run; i++) values.push(unchanged(previous, field + i));
    } else {
      values.push(decodeToken(token, previous, field));
    }
  }
  if (values.length !== count) throw new ProtocolError(`${values.length} values for ${count} fields: ${text}`);
  return values;
}

function decodeToken(token, previous, field) {
  if (token === "") return unchanged(previous, field);
  if (token === "#") return null;
  if (token === "$") return "";
  if (!token.startsWith("^")) return decodeText(token);
  const old = unchanged(previous, field);
  const difference = decodeText(token.slice(2));
  switch (token[1]) {
    case "T":
      if (typeof old !== "string") throw new ProtocolError("a text difference to a value that is no text");
      return applyTextDiff(old, difference);
    case "P":
      if (old === null) throw new ProtocolError("a JSON Patch to a value that is null");
      return new JsonValue(applyJsonPatch(old instanceof JsonValue ? old.document : parse(old), parse(difference)));
    default:
      throw new ProtocolError(`unknown kind of difference: ${token}`);
  }
}

function unchanged(previous, field) {
  if (previous === undefined) throw new ProtocolError("the first update of an item must be complete");
  return previous[field];
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ProtocolError(`not a JSON text: ${text}`);
  }
}
