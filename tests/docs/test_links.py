"""The pages of the documentation find each other."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.docs.pages import DOCS

ROOT = DOCS.parent
PAGES = [*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """The headings of a page as GitHub names them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class LinkTests(SynchronousTestCase):
    def test_relative_links(self) -> None:
        broken = []
        for page in PAGES:
            for link in LINK.findall(page.read_text()):
                if re.match("[a-z]+:", link):
                    continue
                path, _, anchor = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                if not target.exists() or (anchor and anchor not in anchors(target)):
                    broken.append(f"{page.name}: {link}")
        self.assertEqual(broken, [])

    def test_the_index_has_every_page(self) -> None:
        listed = set(LINK.findall((DOCS / "index.md").read_text()))
        self.assertEqual({page.name for page in DOCS.glob("*.md")} - {"index.md"}, listed)
