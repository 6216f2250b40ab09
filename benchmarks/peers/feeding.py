"""
The feed of the peers that are written in Python: when what is due, and the text of it. The adapter set of the
benchmarks finds this module as well, by its C{install_dir}.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

STRIDE = 7919
"""
From one item to the next, as everywhere in the benchmarks. A prime number: neighbours belong to the same client, and
should not come together.
"""


def numbers(length: int) -> str:
    """Text like prices, as compressible as they are, and the same everywhere in the benchmarks."""
    state, text = 1, ""
    while len(text) < length:
        state = state * 16_807 % 2_147_483_647
        text += f"{state % 20_000 / 100:.2f} "
    return text[:length]


class Feed:
    """
    C{rate} messages a second, C{burst} of them at a time, each of the next item.

    @ivar due: when the next burst is, by C{time.monotonic}.
    """

    def __init__(self, items: int, rate: float, burst: int, size: int) -> None:
        self._items = items
        self._period = burst / rate
        self._burst = burst
        self._tail = numbers(size - len("U,1,1,101.25|101.27|T=0123456789012345#0|\r\n"))
        self._sent = 0
        self.due = time.monotonic()

    def messages(self) -> Iterator[tuple[int, str]]:
        """Those that are due: the item's number and the text."""
        while self.due <= time.monotonic():
            self.due += self._period
            for _ in range(self._burst):
                item = self._sent * STRIDE % self._items
                cents = self._sent * 7 % 100
                self._sent += 1
                now = time.monotonic_ns() // 1000
                yield item, f"U,1,{item + 1},101.{cents:02}|102.{cents:02}|T={now:016}#{item}|{self._tail}\r\n"

    def wait(self) -> float:
        """Seconds until the next is due."""
        return max(0.0, self.due - time.monotonic())
