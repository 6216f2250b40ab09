from twisted.trial.unittest import SynchronousTestCase

from lsserver.adapters.errors import (
    AccessError,
    ConflictingSessionError,
    CreditsError,
    ItemsError,
    ResourceUnavailableError,
    UnfilteredError,
)


class CreditsErrorTests(SynchronousTestCase):
    def test_codes_are_not_positive(self) -> None:
        self.assertEqual([CreditsError(code, "x").client_error_code for code in (-7, 0, 7)], [-7, 0, 0])

    def test_no_user_message_is_an_empty_text(self) -> None:
        error = CreditsError(-1, "for the log")
        self.assertEqual((error.msg, str(error), error.client_user_msg), ("for the log", "for the log", ""))

    def test_the_user_message_is_kept(self) -> None:
        self.assertEqual(CreditsError(-1, "log", "für dich\nallein").client_user_msg, "für dich\nallein")

    def test_a_conflict_names_the_other_session(self) -> None:
        error = ConflictingSessionError(5, "log", "S1", "user")
        self.assertEqual((error.client_error_code, error.client_user_msg), (0, "user"))
        self.assertEqual(error.conflicting_session_id, "S1")
        self.assertIsInstance(error, CreditsError)


class HierarchyTests(SynchronousTestCase):
    def test_unavailable_resources_are_a_kind_of_refused_access(self) -> None:
        self.assertIsInstance(ResourceUnavailableError("x"), AccessError)

    def test_the_message_may_be_left_out(self) -> None:
        self.assertEqual(ItemsError().msg, "")

    def test_why_unfiltered_is_impossible(self) -> None:
        self.assertTrue(UnfilteredError("x", prefiltered=True).prefiltered)
