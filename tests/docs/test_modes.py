"""docs/modes.md: its examples do what the page says."""

from __future__ import annotations

import json

from lsserver.tlcp.decoding import decode_body
from tests.docs.pages import sections
from tests.docs.reader import Reader
from tests.service.running import Running

PAGE = sections("modes.md")


class ModesTests(Reader):
    def server(self) -> Running:
        for steps in PAGE.values():
            self.follow(steps)
        return self.serve()

    async def test_distinct(self) -> None:
        server = self.server()
        lines = ["U,1,1,We open", "U,1,1,We have bread", "EOS,1,1", "U,1,1,We have cake"]
        first, later = [await self.connect(server, adapter_set="SHOP") for _ in range(2)]
        for session in (first, later):
            await session.subscribe(1, "street", "headline", "DISTINCT", data_adapter="NEWS", snapshot="true")
            if session is later:
                # By now all of it is the snapshot.
                lines = [*lines[:2], lines[3], lines[2]]
            await session.seen(lines[-1])
            self.assertEqual([line for line in session.lines if line.startswith(("U,", "EOS,"))], lines)

    async def test_command(self) -> None:
        session = await self.connect(self.server(), adapter_set="SHOP")
        await session.subscribe(1, "today", "key command what count", "COMMAND", data_adapter="ORDERS", snapshot="true")
        await session.seen("U,1,1,B.DELETE.*")
        state: tuple[str | None, ...] | None = None
        seen: list[tuple[str, ...]] = []
        for line in session.lines:
            if line.startswith("EOS"):
                seen.append(("EOS",))
            elif line.startswith("U,1,1,"):
                state = decode_body(state, line.removeprefix("U,1,1,").encode(), 4)
                seen.append(tuple(map(str, state)))
        self.assertEqual(
            seen,
            [
                ("A", "ADD", "bread", "1"),
                ("B", "ADD", "cake", "2"),
                ("EOS",),
                ("A", "UPDATE", "bread", "5"),
                ("B", "DELETE", "None", "None"),
            ],
        )

    async def test_differences(self) -> None:
        session = await self.connect(self.server(), adapter_set="SHOP")
        await session.subscribe(
            1, "bread", "text json", "MERGE", data_adapter="STOCK", requested_max_frequency="unfiltered"
        )
        line = await session.seen(r"U,1,1,(\^T.*)\|\^P(.*)")
        self.assertEqual(json.loads(line[2].replace("%7C", "|")), [{"op": "replace", "path": "/bread", "value": 11}])

    async def test_selector_and_customizer(self) -> None:
        server = self.server()
        for user, expected in (("quiet", "We have cake"), ("shouter", "WE HAVE CAKE")):
            session = await self.connect(server, adapter_set="SHOP", user=user)
            await session.subscribe(
                1, "street", "headline", "DISTINCT", data_adapter="NEWS", snapshot="true", selector="cake"
            )
            await session.seen(f"U,1,1,{expected}")
            self.assertEqual([line for line in session.lines if line.startswith("U,")], [f"U,1,1,{expected}"])
