// The ways in which things go wrong, one class each, so that an application can tell them apart.

/** The server said something that the protocol does not allow. The session cannot be trusted any more. */
export class ProtocolError extends Error {
  name = "ProtocolError";
}

/** A request, or a message, was refused. `code` is the number that the server gave. */
export class RefusedError extends Error {
  name = "RefusedError";

  constructor(code, text) {
    super(text || `refused with code ${code}`);
    this.code = code;
  }
}

/**
 * The session ended before the answer came. If `sent` is true the request was on its way and nobody
 * knows whether the server has carried it out; if it is false it never left.
 */
export class SessionLostError extends Error {
  name = "SessionLostError";

  constructor(sent) {
    super("the session ended before an answer came");
    this.sent = sent;
  }
}
