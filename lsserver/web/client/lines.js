// TLCP is a text protocol made of lines. This module knows how a line is written and read; it knows
// nothing about sockets.
//
//   client to server   LS_op=add&LS_subId=1&LS_group=item1%20item2        name=value pairs
//   server to client   U,1,2,ACME|3.04                                    TAG,argument,argument,...
//
// Every line ends with CR LF, and everything is UTF-8.

import { ProtocolError } from "./errors.js";

/** What we announce: in the query of every HTTP request, and as the WebSocket subprotocol. */
export const PROTOCOL = "TLCP-2.5.0";

/** How clients that are not one of the official SDKs introduce themselves. */
export const CLIENT_ID = "mgQkwtwdysogQz2BJ4Ji kOj2Bg";

/**
 * The "data notifications". Client and server both count them from the beginning of the session, on
 * whatever connection they travel. After a cut the client says how many it has got, and the server
 * goes on from there (see session.js). All other lines are about one connection and are not counted.
 */
const DATA_NOTIFICATIONS = new Set([
  "U", "SUBOK", "SUBCMD", "UNSUB", "EOS", "CS", "OV", "CONF", "MSGDONE", "MSGFAIL",
  "MPNREG", "MPNZERO", "MPNOK", "MPNCONF", "MPNDEL",
]);

export function isDataNotification(tag) {
  return DATA_NOTIFICATIONS.has(tag);
}

/**
 * Write the parameters of one request as one line. Parameters that are undefined or null are left out.
 * Only CR, LF, &, =, % and + must be percent-encoded; encoding more than that is always allowed.
 */
export function encodeParameters(parameters) {
  return Object.entries(parameters)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join("&");
}

/**
 * Cut one line of the server into its tag and its arguments. Arguments are still percent-encoded: use
 * decodeText for those that are texts. The last argument of `U` holds the values of the fields and may
 * contain commas, so it is kept whole.
 */
export function splitLine(line) {
  if (!line.startsWith("U,")) return line.split(",");
  const subscription = line.indexOf(",") + 1;
  const item = line.indexOf(",", subscription) + 1;
  const values = line.indexOf(",", item) + 1;
  if (item === 0 || values === 0) throw new ProtocolError(`incomplete update: ${line}`);
  return ["U", line.slice(subscription, item - 1), line.slice(item, values - 1), line.slice(values)];
}

/** Undo percent-encoding. `+` stays `+`: this is not a form. */
export function decodeText(argument) {
  if (!argument?.includes("%")) return argument ?? "";
  try {
    return decodeURIComponent(argument);
  } catch {
    throw new ProtocolError(`bad percent-encoding: ${argument}`);
  }
}

/** Read a whole number that the protocol promises. */
export function decodeInteger(argument) {
  if (!/^-?\d+$/.test(argument ?? "")) throw new ProtocolError(`not a number: ${argument}`);
  return Number(argument);
}

/**
 * Pieces of text in, complete lines out. A WebSocket message always holds whole lines, but the body of
 * an HTTP response arrives in pieces that end anywhere, in the middle of a CR LF too.
 */
export class LineReader {
  #rest = "";

  /** Take the next piece and return the lines that are complete now, without their CR LF. */
  read(piece) {
    const lines = (this.#rest + piece).split("\r\n");
    this.#rest = lines.pop();
    return lines;
  }
}
