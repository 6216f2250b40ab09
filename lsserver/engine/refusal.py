"""Why a request is refused, on its way from where that is found out to the line that says so."""

from __future__ import annotations

from lsserver.adapters.errors import CreditsError


class Refusal(Exception):
    """
    @ivar code: cause code of the answer.
    @ivar text: what the client is told; never the text of an unexpected exception.
    """

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = int(code)
        self.text = text

    @classmethod
    def of_credits(cls, error: CreditsError) -> Refusal:
        """Code and text of the Metadata Adapter, verbatim."""
        return cls(error.client_error_code, error.client_user_msg or "")
