"""Typed parameters."""

import math

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from lsserver.tlcp.parameters import InvalidParameter, Parameters, whole


def given_value(value: str) -> Parameters:
    return Parameters({"LS_x": value})


class ParametersTests(SynchronousTestCase):
    def refused(self, code: int, text: str, method: str, value: str | None, *args: object) -> None:
        parameters = Parameters({} if value is None else {"LS_x": value})
        error = self.assertRaises(InvalidParameter, getattr(parameters, method), "LS_x", *args)
        self.assertEqual((error.code, error.text), (code, text))

    def test_text(self) -> None:
        self.assertEqual(given_value("a").text("LS_x"), "a")
        self.assertEqual(given_value("").text("LS_x"), "")
        self.assertIsNone(given_value("a").text("LS_y"))
        self.assertIn("LS_x", given_value(""))
        self.assertNotIn("LS_y", given_value(""))

    def test_required(self) -> None:
        self.assertEqual(given_value("").required("LS_x"), "")
        self.refused(67, "Malformed request: LS_x is missing", "required", None)
        self.refused(67, "Malformed request: LS_x is missing", "required_integer", None, 1)

    def test_session(self) -> None:
        self.assertEqual(Parameters({"LS_session": "S1"}).session(), "S1")
        self.assertIsNone(Parameters({"LS_session": ""}).session())
        self.assertIsNone(Parameters({}).session())

    def test_flag(self) -> None:
        """In any case; what is no boolean is false."""
        for value, result in (
            ("true", True),
            ("True", True),
            ("TRUE", True),
            ("false", False),
            ("yes", False),
            ("", False),
        ):
            self.assertIs(given_value(value).flag("LS_x"), result)
            self.assertIs(given_value(value).flag("LS_x", default=True), result)
        self.assertIs(Parameters({}).flag("LS_x"), False)
        self.assertIs(Parameters({}).flag("LS_x", default=True), True)

    def test_integer(self) -> None:
        self.assertEqual(given_value("007").integer("LS_x"), 7)
        self.assertEqual(given_value("0").integer("LS_x"), 0)
        self.assertIsNone(Parameters({}).integer("LS_x"))
        self.assertEqual(given_value("3").required_integer("LS_x", 3), 3)
        for value in ("", "-1", "+1", "1.0", "x", " 1", "1" * 19, "٣", "²"):
            self.refused(65, "Invalid value of LS_x", "integer", value)
            self.refused(65, "Invalid value of LS_x", "required_integer", value, 0)
        self.refused(65, "Invalid value of LS_x", "integer", "0", 1)
        self.refused(65, "Invalid value of LS_x", "integer", "8", 1, 7)
        self.refused(65, "Invalid value of LS_x", "required_integer", "0", 1)

    def test_signed(self) -> None:
        for value, result in (("-5", -5), ("+5", 5), ("0", 0)):
            self.assertEqual(given_value(value).signed("LS_x"), result)
        self.assertIsNone(Parameters({}).signed("LS_x"))
        for value in ("", "-", "--1", "1.5", "x"):
            self.refused(65, "Invalid value of LS_x", "signed", value)

    def test_limit(self) -> None:
        for value, result in (
            ("unlimited", math.inf),
            ("UNLIMITED", math.inf),
            ("2", 2.0),
            ("2.0", 2.0),
            ("20.1", 20.1),
            ("2.", 2.0),
            (".5", 0.5),
            ("1.0E7", 1e7),
            ("1e-3", 0.001),
        ):
            self.assertEqual(given_value(value).limit("LS_x"), result)
        self.assertIsNone(Parameters({}).limit("LS_x"))
        for value in ("", "0", "0.0", "-1", ".", "1,5", "inf", "nan", "1e", "unfiltered", "1e-999", "1_0"):
            self.refused(65, "Invalid value of LS_x", "limit", value)

    def test_whole_limit(self) -> None:
        self.assertEqual(given_value("Unlimited").whole_limit("LS_x"), math.inf)
        self.assertEqual(given_value("3").whole_limit("LS_x"), 3)
        self.assertIsNone(Parameters({}).whole_limit("LS_x"))
        for value in ("", "0", "1.5", "-1"):
            self.refused(65, "Invalid value of LS_x", "whole_limit", value)

    @given(st.integers(0, 10**18 - 1))
    def test_whole(self, number: int) -> None:
        self.assertEqual(whole("LS_x", str(number), 0), number)
