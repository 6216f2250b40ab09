// Instead of a whole new value the server may send the difference to the previous one (TLCP 2.4 and
// later, and only if the Data Adapter asks for it). There are two formats: TLCP-diff for texts and JSON
// Patch for JSON documents.

import { ProtocolError } from "./errors.js";

/**
 * Apply a TLCP-diff to a text.
 *
 * A diff is a row of sections: COPY, ADD, DELETE, COPY, ADD, DELETE and so on; it always begins with COPY
 * and may stop after any section. COPY and DELETE are a number of characters of the old text to take over
 * or to skip; ADD is a number followed by that many new characters. What remains of the old text is dropped.
 *
 *   old "foobar", diff "bdzapcd":  copy 1 "f", add 3 "zap", delete 2 "oo", copy 3 "bar"  ->  "fzapbar"
 */
export function applyTextDiff(old, diff) {
  let result = "";
  let from = 0; // where we are in the old text
  let at = 0; // where we are in the diff
  for (let section = 0; at < diff.length; section = (section + 1) % 3) {
    let count;
    [count, at] = readCount(diff, at);
    const available = section === 1 ? diff.length - at : old.length - from;
    if (count > available) throw new ProtocolError(`the text difference does not fit: ${diff}`);
    if (section === 0) {
      result += old.slice(from, from + count);
      from += count;
    } else if (section === 1) {
      result += diff.slice(at, at + count);
      at += count;
    } else {
      from += count;
    }
  }
  return result;
}

/**
 * Numbers are written in base 26, most significant digit first: A to Z are 0 to 25, and the last digit is a
 * lower case letter, which is how one sees where the number ends. "d" is 3, "Bd" is 26 + 3 = 29.
 */
function readCount(diff, start) {
  let value = 0;
  for (let at = start; at < diff.length; at++) {
    const code = diff.charCodeAt(at);
    if (code >= 97 && code <= 122) return [value * 26 + code - 97, at + 1];
    if (code < 65 || code > 90) break;
    value = value * 26 + code - 65;
  }
  throw new ProtocolError(`the text difference has no number at ${start}: ${diff}`);
}

/** Apply a JSON Patch (RFC 6902) and return the new document. The old one is left as it was. */
export function applyJsonPatch(document, operations) {
  if (!Array.isArray(operations)) throw new ProtocolError("a JSON Patch is a list of operations");
  return operations.reduce(applyOperation, structuredClone(document));
}

function applyOperation(document, operation) {
  const path = parsePointer(operation.path);
  switch (operation.op) {
    case "add":
      return insert(document, path, operation.value);
    case "remove":
      return remove(document, path);
    case "replace":
      return replace(document, path, operation.value);
    case "copy":
      return insert(document, path, structuredClone(lookUp(document, parsePointer(operation.from))));
    case "move": {
      const from = parsePointer(operation.from);
      const value = lookUp(document, from);
      return insert(remove(document, from), path, value);
    }
    case "test":
      if (canonical(lookUp(document, path)) !== canonical(operation.value)) {
        throw new ProtocolError(`the JSON Patch expects something else at ${operation.path}`);
      }
      return document;
    default:
      throw new ProtocolError(`unknown JSON Patch operation: ${operation.op}`);
  }
}

/** "/a/b~1c/0" is ["a", "b/c", "0"]; "" is the whole document (RFC 6901). */
function parsePointer(pointer) {
  if (pointer === "") return [];
  if (typeof pointer !== "string" || !pointer.startsWith("/")) throw new ProtocolError(`bad JSON pointer: ${pointer}`);
  return pointer.slice(1).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function lookUp(document, path) {
  return path.reduce((place, step) => {
    if (place === null || typeof place !== "object" || !Object.hasOwn(place, step)) {
      throw new ProtocolError(`the JSON Patch refers to something that is not there: /${path.join("/")}`);
    }
    return place[step];
  }, document);
}

function insert(document, path, value) {
  if (path.length === 0) return value;
  const parent = lookUp(document, path.slice(0, -1));
  const step = path.at(-1);
  if (Array.isArray(parent)) {
    const index = step === "-" ? parent.length : Number(step);
    if (!(index >= 0 && index <= parent.length)) throw new ProtocolError(`no such position in the list: ${step}`);
    parent.splice(index, 0, value);
  } else if (parent !== null && typeof parent === "object") {
    // defineProperty, because plain assignment to a member named "__proto__" would do something else
    Object.defineProperty(parent, step, { value, writable: true, enumerable: true, configurable: true });
  } else {
    throw new ProtocolError(`the JSON Patch adds to something that is no container: /${path.join("/")}`);
  }
  return document;
}

/** Unlike removing and adding, this keeps the place of a member among the others. */
function replace(document, path, value) {
  lookUp(document, path);
  if (path.length === 0) return value;
  const parent = lookUp(document, path.slice(0, -1));
  Object.defineProperty(parent, path.at(-1), { value, writable: true, enumerable: true, configurable: true });
  return document;
}

function remove(document, path) {
  lookUp(document, path);
  if (path.length === 0) return null;
  const parent = lookUp(document, path.slice(0, -1));
  if (Array.isArray(parent)) parent.splice(Number(path.at(-1)), 1);
  else delete parent[path.at(-1)];
  return document;
}

/** A text that is the same for equal documents, whatever the order of their members. */
function canonical(value) {
  return JSON.stringify(value, (_, part) =>
    part !== null && typeof part === "object" && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
