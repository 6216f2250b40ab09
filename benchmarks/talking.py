"""A word with the server under test, over HTTP: a session, and a message to its adapter."""

from __future__ import annotations

from http.client import HTTPConnection

from benchmarks.server import ServerError


class Talk:
    """
    One session that polls, and that only sends messages.

    @raise ServerError: the session, or a message, was refused.
    """

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=30)
        answer = self._post("create_session", "LS_adapter_set=BENCH&LS_cid=bench&LS_polling=true")
        self._session = answer.partition("CONOK,")[2].partition(",")[0]
        if not self._session:
            raise ServerError(f"no session: {answer}")

    def say(self, message: str) -> None:
        """Without spaces that are not escaped."""
        answer = self._post("msg", f"LS_session={self._session}&LS_reqId=1&LS_outcome=false&LS_message={message}")
        if not answer.startswith("REQOK"):
            raise ServerError(f"the message was refused: {answer}")

    def close(self) -> None:
        """The connection; the session is left to time out."""
        self._connection.close()

    def _post(self, name: str, body: str) -> str:
        self._connection.request("POST", f"/lightstreamer/{name}.txt?LS_protocol=TLCP-2.5.0", body)
        return self._connection.getresponse().read().decode()
