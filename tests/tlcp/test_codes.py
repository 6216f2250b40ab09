"""The named cause codes."""

from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.codes import COMBO_FAILED_PREFIX, ControlCode, SessionCode


class CodesTests(SynchronousTestCase):
    def test_session_codes(self) -> None:
        """Every code of the session table is there, and no other."""
        self.assertEqual(
            {int(code) for code in SessionCode},
            {*range(1, 12), 20, 21, *range(31, 36), 40, 41, 48, 60, *range(64, 72)},
        )

    def test_control_codes(self) -> None:
        """Every code of the control table is there, and no other."""
        self.assertEqual(
            {int(code) for code in ControlCode},
            {3, 11, 13, 15, 16, 17, *range(19, 31), *range(32, 36), 38, 39, *range(40, 54), 56, *range(65, 69)},
        )

    def test_texts(self) -> None:
        """Every code has a text of one line."""
        for code in (*SessionCode, *ControlCode):
            self.assertTrue(code.text)
            self.assertNotIn("\n", code.text)

    def test_standard_texts(self) -> None:
        """Texts that real servers send and people search for."""
        self.assertEqual(
            [
                SessionCode.USER_CHECK_FAILED.text,
                SessionCode.ADAPTER_SET_NOT_AVAILABLE.text,
                SessionCode.RECOVERY_IMPOSSIBLE.text,
                SessionCode.SESSION_COUNT.text,
                SessionCode.SESSION_NOT_FOUND.text,
                SessionCode.DESTROYED_BY_CLIENT.text,
                SessionCode.INTERNAL_ERROR.text,
                ControlCode.SUBSCRIPTION_NOT_FOUND.text,
                ControlCode.SESSION_NOT_FOUND.text,
                ControlCode.MODE_NOT_ALLOWED.text,
                ControlCode.MESSAGE_TOO_LOW.text,
                ControlCode.MESSAGE_SKIPPED.text,
                ControlCode.PUSH_DISABLED.text,
                ControlCode.MALFORMED_REQUEST.text,
            ],
            [
                "User/password check failed",
                "Requested Adapter Set not available",
                "Requested progressive not available",
                "Session count limit reached",
                "Session not found",
                "Destroy invoked by client",
                "Internal error during request processing",
                "Specified subscription not found",
                "Session not found",
                "Invalid mode for these items",
                "Message progressive number too low",
                "The specified progressive number has been skipped by timeout",
                "The MPN Module is disabled",
                "Malformed request",
            ],
        )

    def test_count_as_text(self) -> None:
        """The text of 39 must be a count, because clients read it as one."""
        self.assertEqual(int(ControlCode.MESSAGES_SKIPPED.text), 1)

    def test_combo_prefix(self) -> None:
        self.assertEqual(COMBO_FAILED_PREFIX, SessionCode.COMBO_FAILED.text + ": ")
