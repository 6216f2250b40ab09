"""The table, on a terminal and on a page, and the figures that are kept."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.plots import Line, Plot
from benchmarks.programs import HERE
from benchmarks.results import BEGIN, END, ResultsError, between, save
from benchmarks.table import Row, as_markdown, as_text
from benchmarks.works import WORKS, chosen
from benchmarks.works.streaming import polled
from benchmarks.works.work import Outcome

MET = Row("A", "9 us", "floor 8 us", 1.125, "<= 1.2", True)
MISSED = Row("B", "9 us", "floor | roof", 3.0, "<= 1.5", False)
PLAIN = Row("C", "9 us")
UNKNOWN = Row("D", "9 us", aim="<= 8")


class TableTests(SynchronousTestCase):
    """Rows."""

    def test_text(self) -> None:
        """Columns stand below each other; what is missed is said plainly."""
        lines = as_text([MET, MISSED, PLAIN, UNKNOWN]).splitlines()
        self.assertEqual(len(lines), 6)
        place = lines[0].index("met")
        self.assertEqual([line[place:] for line in lines[2:]], ["yes", "NO", "", "not measured"])
        self.assertEqual(lines[2][lines[0].index("ratio") :].split()[0], "1.12")

    def test_long_reasons(self) -> None:
        """The end of a log is one line of the table, with its beginning and its end."""
        row = Row("A", "failed: the server ended:\n" + "a line\n" * 100 + "no port", aim="to work", met=False)
        (line,) = as_text([row]).splitlines()[2:]
        self.assertIn("failed: the server ended: a line", line)
        self.assertIn("no port  ", line)
        self.assertLess(len(line), 250)

    def test_markdown(self) -> None:
        """As a table of so many columns, whatever is in the cells."""
        lines = as_markdown([MET, MISSED, PLAIN]).splitlines()
        self.assertEqual(lines[1], "| --- | --- | --- | --- | --- | --- |")
        self.assertEqual({line.replace("\\|", "").count("|") for line in lines}, {7})
        self.assertIn("| **NO** |", lines[3])


class ResultsTests(SynchronousTestCase):
    """RESULTS.md and what belongs to it."""

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.page = self.folder / "RESULTS.md"
        self.page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\n## Others\n")

    def save(self, letter: str, outcome: Outcome, date: str = "2026-01-02") -> None:
        """Under a date."""
        save({letter: outcome}, ["A", "B"], date, {"cores": "2"}, self.folder)

    def test_what_others_wrote_stays(self) -> None:
        """Only what is between the marks is new."""
        self.save("A", Outcome([MET], notes=["said once"]))
        text = self.page.read_text()
        self.assertTrue(text.startswith("# Title\n\n" + BEGIN))
        self.assertTrue(text.endswith(END + "\n\n## Others\n"))
        self.assertNotIn("old", text)
        self.assertIn("| A | 9 us |", text)
        self.assertIn("* said once", text)
        self.assertIn("1 of 1 rows with an aim meet it.", text)

    def test_works_one_by_one(self) -> None:
        """Each keeps its newest figures, with its own date, in the order of the works."""
        self.save("B", Outcome([MISSED]), "2026-01-01")
        self.save("A", Outcome([MISSED]), "2026-01-02")
        self.save("A", Outcome([MET]), "2026-01-03")
        text = self.page.read_text()
        self.assertLess(text.index("| A |"), text.index("| B |"))
        self.assertIn("* A: 2026-01-03: cores 2\n* B: 2026-01-01: cores 2", text)
        self.assertIn("1 of 2 rows", text)
        self.assertEqual(list(json.loads((self.folder / "results.json").read_text())), ["A", "B"])

    def test_plots(self) -> None:
        """Are beside it."""
        self.save("A", Outcome([MET], [Plot("p", "The title", "x", "y", [Line("l", [(1, 2)])])]))
        self.assertIn("![The title](plots/p.svg)", self.page.read_text())
        self.assertIn("<svg", (self.folder / "plots" / "p.svg").read_text())

    def test_no_marks(self) -> None:
        """The page is left as it is."""
        for wrong in ("nothing", BEGIN, END, f"{END} {BEGIN}", f"{BEGIN}{BEGIN}{END}", f"{BEGIN}{END}{END}"):
            self.assertRaises(ResultsError, between, wrong, "new")
        self.page.write_text("nothing")
        self.assertRaises(ResultsError, self.save, "A", Outcome([MET]))
        self.assertEqual(self.page.read_text(), "nothing")
        self.assertFalse((self.folder / "results.json").exists())

    def test_the_page_of_the_project(self) -> None:
        """Has a place for the figures."""
        self.assertIn("new", between((HERE / "RESULTS.md").read_text(), "new"))


class PollingTests(SynchronousTestCase):
    """What the program for polls prints."""

    def test_rows(self) -> None:
        """One for each kind, with the median that was printed."""
        printed = (
            "round 1, held: lsserver 400 us/poll (990/s), bare resource 300 (998/s), ratio 1.33; 99 of 100 answered\n"
            "median of held polls: 1.33 (66 bytes an answer)\n"
            "round 1, prompt: lsserver 500 us/poll (990/s), bare resource 250 (998/s), ratio 2.00; 99 of 100 answered\n"
            "median of prompt polls: 2.00 (66 bytes an answer)\n"
        )
        held, prompt = polled(printed)
        self.assertEqual((held.figure, held.beside, held.ratio), ("400 us/poll", "twisted.web 300 us/poll", 1.33))
        self.assertEqual((held.met, prompt.met), (True, False))


class ChoiceTests(SynchronousTestCase):
    """Which works are done."""

    def test_all(self) -> None:
        """By default."""
        self.assertEqual([work.letter for work in chosen([])], list(WORKS))

    def test_some(self) -> None:
        """By their letters; one letter stands for all of growth, and A is not A10."""
        self.assertEqual([work.letter for work in chosen(["K", "A"])], ["K", "A"])
        self.assertEqual([work.letter for work in chosen(["J"])], ["J1", "J2", "J3"])
        self.assertRaises(KeyError, chosen, ["Y"])
