"""Lines of the log."""

from __future__ import annotations

import io
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import Logger, LogLevel, formatEventAsClassicLogText, textFileLogObserver
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from lsserver.logs import FilteredLogger, as_text, predicate

NOW = 1_796_000_000


def event(**more: Any) -> dict[str, Any]:
    return {
        "log_format": "session {session} of {user!r}",
        "session": "S1",
        "user": "u",
        "log_namespace": "LightstreamerLogger.requests",
        "log_level": LogLevel.info,
        **more,
    }


class Lines(SynchronousTestCase):
    @given(st.lists(st.one_of(st.none(), st.floats(NOW, NOW + 3), st.floats(0, 2e9)), min_size=1))
    def test_as_twisted_writes_them(self, times: list[float | None]) -> None:
        """Whatever the time of day, and also after others."""
        for when in times:
            one = event(log_time=when)
            self.assertEqual(as_text(one), formatEventAsClassicLogText(one))

    def test_others(self) -> None:
        failure = Failure(ValueError("bad"))
        for one in (
            event(),
            event(log_time=5.5, log_failure=failure),
            event(log_time=5.5, log_system="x"),
            event(log_time=5.5, log_format="{session()} {user.real}", session=lambda: "made", user=1),
            event(log_time=5.5, log_format=b"{session} \xc3\xa4"),
            event(log_time=5.5, log_format="{nothing}"),
            event(log_time=5.5, log_format="{session!x} {"),
            event(log_time=5.5, log_format=""),
            event(log_time=5.5, log_format=None),
            event(log_time=5.5, log_level=None),
            event(log_time=None),
            {},
        ):
            self.assertEqual(as_text(one), formatEventAsClassicLogText(one))

    @given(
        st.text(),
        st.lists(st.sampled_from(["{n}", "{n!r}", "{n!s:>9}", "{n:>5}", "{{}}", "\n", " ä ", "{more[0]}"])),
        st.one_of(st.text(), st.integers(), st.none(), st.booleans()),
    )
    def test_fields(self, text: str, parts: list[str], value: Any) -> None:
        """They are put in like Twisted puts them in, and lines after the first are set apart."""
        plain = text.replace("{", "").replace("}", "")
        one = event(log_time=5.5, log_format="".join([plain, *parts]), n=value, more=[value])
        self.assertEqual(as_text(one), formatEventAsClassicLogText(one))

    def test_observer(self) -> None:
        """Of files and of the terminal."""
        out = io.StringIO()
        logger = FilteredLogger({})
        self.patch(logger, "_getLogObserver", lambda: textFileLogObserver(out))
        log = Logger("LightstreamerLogger.requests", observer=logger.observer(predicate("info", {})))
        log.info("first {n}", n=1)
        log.debug("second")
        self.assertEqual(
            out.getvalue().partition(" ")[2], "[LightstreamerLogger.requests#info] first 1\n", out.getvalue()
        )
