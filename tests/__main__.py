"""
Every suite of the project, one after the other: C{python -m tests}.

C{python -m tests NAME…} hands the dotted names to trial and does nothing else.
The end is what failed, a table and the line C{N passed, N failed, N skipped}, which
counts what trial counted, and one for each check that is not trial's.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import failures

ROOT = Path(__file__).resolve().parent.parent
PYTHON = sys.executable
OWN_SUITES = ("browser", "interop", "faults")
"""
Test packages that need more than Python (other languages, a browser); they skip what
is missing. Their tests share servers and clients, so they run in one process.
"""

FULLY_COVERED = {"tlcp", "engine"}
"""Packages of lsserver of which their own tests cover every branch."""

MEASURED = {"coverage": ("core",), "unit coverage": ("core", "coverage", "unit")}
"""What has to run before a suite that reports what was covered."""


@dataclass(frozen=True)
class Outcome:
    """What came of one suite."""

    name: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    failures: list[str] = field(default_factory=list)


def main(arguments: Sequence[str]) -> int:
    """Run; the exit status is 0 if nothing failed."""
    parser = argparse.ArgumentParser(prog="python -m tests", description=__doc__)
    parser.add_argument("--summary", type=Path, help="file for the last line")
    parser.add_argument(
        "--only",
        metavar="SUITE",
        choices=list(suites()),
        help="one of: " + ", ".join(suites()) + "; those about coverage run what they report on as well",
    )
    parser.add_argument("names", nargs="*", help="dotted names for trial")
    options = parser.parse_args(arguments)
    if options.summary:
        options.summary.unlink(missing_ok=True)
    chosen = {"trial": [trial(*options.names)]} if options.names else suites()
    if options.only:
        chosen = {name: chosen[name] for name in (*MEASURED.get(options.only, ()), options.only)}
    for old in ROOT.glob(".coverage*"):
        old.unlink()
    outcomes = [outcome for name, commands in chosen.items() for outcome in run(name, commands)]
    line = report(outcomes)
    if options.summary:
        options.summary.write_text(line + "\n")
    return 1 if any(outcome.failed for outcome in outcomes) else 0


def suites() -> dict[str, list[list[str]]]:
    """The commands of each suite."""
    packages = sorted(path.name for path in (ROOT / "tests").iterdir() if (path / "__init__.py").is_file())
    modules = sorted(path.stem for path in (ROOT / "tests").glob("test_*.py"))
    core = [f"tests.{name}" for name in packages if name in FULLY_COVERED]
    unit = [f"tests.{name}" for name in (*packages, *modules) if name not in FULLY_COVERED | set(OWN_SUITES)]
    covered = ",".join(f"lsserver/{name}/*" for name in sorted(FULLY_COVERED))
    found = {
        "ruff": [["ruff", "check", "."]],
        "mypy": [["mypy"]],
        "core": [measured(*core)],
        "coverage": [
            [PYTHON, "-m", "coverage", "combine", "--quiet"],
            [PYTHON, "-m", "coverage", "report", f"--include={covered}", "--fail-under=100"],
        ],
        "unit": [measured(*unit)],
        "unit coverage": [
            [PYTHON, "-m", "coverage", "combine", "--quiet", "--append"],
            [PYTHON, "-m", "coverage", "report"],
        ],
    }
    for name in OWN_SUITES:
        if name in packages:
            found[name] = [trial(f"tests.{name}")]
    return found


def trial(*names: str) -> list[str]:
    """A trial run in this process's Python, whose folder of imports is the checkout."""
    return [PYTHON, "-m", "twisted.trial", "--temp-directory=_trial_temp", *names]


def measured(*names: str) -> list[str]:
    """A trial run on two cores with coverage measured."""
    return [PYTHON, "-m", "coverage", "run", *trial("-j2", *names)[1:]]


def run(name: str, commands: Sequence[Sequence[str]]) -> list[Outcome]:
    """Run the commands of a suite, showing what they print."""
    print(f"\n=== {name}", flush=True)
    begin = time.monotonic()
    passed = failed = skipped = 0
    told: list[str] = []
    for command in commands:
        status, output = show(command)
        counted = count(output) if "twisted.trial" in command else None
        if counted is None:
            ok = status == 0
            passed, failed = passed + ok, failed + (not ok)
            if not ok:
                told.append(failures.of_command(name, status, output))
            continue
        passed, failed, skipped = (a + b for a, b in zip((passed, failed, skipped), counted, strict=True))
        told += failures.of_trial(output)
        if status != 0 and counted[1] == 0:
            failed += 1
            told.append(failures.of_command(name, status, output))
    return [Outcome(name, passed, failed, skipped, time.monotonic() - begin, told)]


def show(command: Sequence[str]) -> tuple[int, str]:
    """Exit status and output of a command, which is printed as it comes."""
    lines = []
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return process.returncode, "".join(lines)


def count(output: str) -> tuple[int, int, int] | None:
    """
    Passed, failed and skipped tests by trial's closing line, such as
    C{FAILED (skips=1, failures=2, successes=3)}; C{None} if there is none.
    """
    closing = re.findall(r"^(?:PASSED|FAILED)(?: \((.*)\))?$", output, re.MULTILINE)
    if not closing:
        return None
    numbers = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", closing[-1])}
    failed = sum(numbers.get(key, 0) for key in ("failures", "errors", "unexpectedSuccesses"))
    passed = sum(numbers.get(key, 0) for key in ("successes", "expectedFailures"))
    return passed, failed, numbers.get("skips", 0)


def report(outcomes: Sequence[Outcome]) -> str:
    """Print what failed, the table and the line that ends it; that line."""
    failed_ones = failures.shown([line for outcome in outcomes for line in outcome.failures])
    if failed_ones:
        print("\n=== failed", *failed_ones, sep="\n")
    print(f"\n{'suite':<16}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}")
    for outcome in outcomes:
        print(f"{outcome.name:<16}{outcome.passed:>8}{outcome.failed:>8}{outcome.skipped:>8}{outcome.seconds:>9.1f}")
    passed, failed, skipped = (
        sum(getattr(outcome, field) for outcome in outcomes) for field in ("passed", "failed", "skipped")
    )
    line = f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")
    print(f"\n{line}", flush=True)
    return line


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
