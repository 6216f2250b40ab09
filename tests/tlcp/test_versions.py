"""Announced protocol versions."""

from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.versions import LATEST, UnsupportedVersion, Version, choose_subprotocol, from_query, from_subprotocol


def name(version: str) -> str:
    return f"TLCP-{version}.lightstreamer.com"


class VersionTests(SynchronousTestCase):
    def test_supported(self) -> None:
        """2.0 to 2.5 are accepted with any third number."""
        for minor in range(6):
            for last in (0, 7, 12):
                self.assertEqual(from_query(f"TLCP-2.{minor}.{last}"), Version(2, minor))
                self.assertEqual(from_subprotocol(name(f"2.{minor}.{last}")), Version(2, minor))
        self.assertEqual(LATEST, Version(2, 5))

    def test_ordered(self) -> None:
        self.assertLess(Version(2, 1), Version(2, 3))
        self.assertEqual(str(Version(2, 1)), "TLCP-2.1.0")

    def test_features(self) -> None:
        """What each version added."""
        features = ("recovery", "temporary_refusals", "incompatible_protocol_code", "diffs", "message_response")
        for number, feature in enumerate(features, 1):
            self.assertEqual(
                [getattr(Version(2, minor), feature) for minor in range(6)], [minor >= number for minor in range(6)]
            )

    def test_other_versions(self) -> None:
        """The text has the bare version."""
        for version in ("2.6.0", "2.9.0", "3.0.0", "1.5.1", "0.0.0"):
            for error in (
                self.assertRaises(UnsupportedVersion, from_query, f"TLCP-{version}"),
                self.assertRaises(UnsupportedVersion, from_subprotocol, name(version)),
            ):
                self.assertEqual(error.text, f"Unsupported protocol version: {version}")
                self.assertEqual(str(error), error.text)

    def test_malformed(self) -> None:
        """Missing or malformed: the text without a version."""
        for value in (
            None,
            "",
            "TLCP",
            "TLCP-2.5",
            "TLCP-2.5.0 ",
            "tlcp-2.5.0",
            "TLCP-2.5.0.1",
            "TLCP-²..0",
            name("2.5.0"),
        ):
            error = self.assertRaises(UnsupportedVersion, from_query, value)
            self.assertEqual(error.text, "Unsupported protocol version")
        for value in ("TLCP-2.5.0", "js.lightstreamer.com", ".lightstreamer.com"):
            error = self.assertRaises(UnsupportedVersion, from_subprotocol, value)
            self.assertEqual(error.text, "Unsupported protocol version")


class ChooseSubprotocolTests(SynchronousTestCase):
    def test_one(self) -> None:
        self.assertEqual(choose_subprotocol([name("2.1.0")]), name("2.1.0"))

    def test_highest(self) -> None:
        """The highest supported one, wherever it stands and whatever else is offered."""
        offered = [name("2.9.0"), name("2.3.0"), "chat", name("2.5.0"), name("2.4.0"), name("3.0.0")]
        self.assertEqual(choose_subprotocol(offered), name("2.5.0"))
        self.assertEqual(choose_subprotocol(iter([name("2.5.0"), name("2.9.0")])), name("2.5.0"))

    def test_unsupported(self) -> None:
        """The first of those that are unsupported is echoed."""
        self.assertEqual(choose_subprotocol([name("2.9.0"), name("3.0.0")]), name("2.9.0"))
        self.assertEqual(choose_subprotocol(["TLCP-2.5.0"]), "TLCP-2.5.0")

    def test_none(self) -> None:
        self.assertIsNone(choose_subprotocol([]))
        self.assertIsNone(choose_subprotocol(["js.lightstreamer.com", "chat"]))
