"""
A stock market that does not exist: thirty companies with invented names, whose
prices walk at random.

It stands for the feed that a real Data Adapter connects to, so it knows nothing
of the server. Nothing moves unless somebody watches.
"""

from __future__ import annotations

import random
from datetime import datetime
from typing import Protocol
from weakref import WeakValueDictionary

from twisted.internet.interfaces import IDelayedCall, IReactorTime

Quote = dict[str, str]
"""Fields of a stock, all as text, as they are shown to clients."""

# Name and reference price in hundredths; item1 is the first.
COMPANIES = (
    ("Abrantex", 304),
    ("Boldwyn Foods", 1609),
    ("Cerulo Optics", 719),
    ("Dovemar Shipping", 363),
    ("Eskaline Air", 761),
    ("Fennoway Rail", 230),
    ("Garnwick Tools", 1539),
    ("Hollenstar Hotels", 531),
    ("Ivenza Pharma", 486),
    ("Jorvane Energy", 2410),
    ("Kestrova Bank", 1041),
    ("Lumidor Lighting", 394),
    ("Marrowby Paper", 679),
    ("Norvinta Steel", 2687),
    ("Ostrelle Fashion", 227),
    ("Pelludor Waters", 1304),
    ("Quenbrook Insurance", 609),
    ("Rovanti Cycles", 1719),
    ("Sandelow Media", 1363),
    ("Tarquist Robotics", 4761),
    ("Ulmaris Chemicals", 1130),
    ("Vantorre Wines", 539),
    ("Wexaline Textiles", 1531),
    ("Xanderol Labs", 1486),
    ("Yarrowgate Homes", 1761),
    ("Zephalon Turbines", 541),
    ("Altimere Glass", 1394),
    ("Bravonne Coffee", 1679),
    ("Corvisto Games", 687),
    ("Delphara Telecom", 1127),
)

FASTEST = 0.5
"""Seconds between two trades of a stock, at least..."""

SLOWEST = 3.0
"""...and at most."""


class Watcher(Protocol):
    """Who wants to hear of trades."""

    def traded(self, item: str, changes: Quote) -> None:
        """A trade has happened; C{changes} are the fields that it touched."""


class Stock:
    """One company. All prices are in hundredths, so that sums are exact."""

    def __init__(self, name: str, reference: int, chance: random.Random) -> None:
        self._name = name
        self._chance = chance
        self._reference = reference
        self._open = self._last = self._lowest = self._highest = self._near(reference, 0.02)
        self._bid, self._ask = self._last - 1, self._last + 1
        self._bid_quantity, self._ask_quantity = self._quantity(), self._quantity()
        self.pace = chance.uniform(FASTEST, SLOWEST)

    def _near(self, price: int, spread: float) -> int:
        return max(2, round(price * (1 + self._chance.uniform(-spread, spread))))

    def _quantity(self) -> int:
        return self._chance.randint(1, 200) * 500

    def pause(self) -> float:
        """Seconds until the next trade."""
        return min(SLOWEST, max(FASTEST, self.pace * self._chance.uniform(0.5, 1.5)))

    def trade(self, when: float) -> Quote:
        """
        Make one step of the walk. It is drawn towards the reference price, so that
        a server that runs for months still shows sensible prices.

        @return: the fields that changed.
        """
        self._last = self._near(self._last + round((self._reference - self._last) * 0.01), 0.008)
        gap = max(1, self._last // 250)
        self._bid = self._last - self._chance.randint(0, gap)
        self._ask = self._last + self._chance.randint(1, gap)
        self._bid_quantity, self._ask_quantity = self._quantity(), self._quantity()
        changes = self._moving(when)
        if self._last < self._lowest:
            self._lowest = self._last
            changes["min"] = _decimal(self._lowest)
        if self._last > self._highest:
            self._highest = self._last
            changes["max"] = _decimal(self._highest)
        return changes

    def quote(self, when: float) -> Quote:
        """All fields, as they are now."""
        return {
            "stock_name": self._name,
            "min": _decimal(self._lowest),
            "max": _decimal(self._highest),
            "ref_price": _decimal(self._reference),
            "open_price": _decimal(self._open),
            "item_status": "active",
            **self._moving(when),
        }

    def _moving(self, when: float) -> Quote:
        return {
            "time": datetime.fromtimestamp(when).strftime("%H:%M:%S"),
            "timestamp": str(int(when * 1000)),
            "last_price": _decimal(self._last),
            "pct_change": _decimal(round((self._last - self._reference) * 10_000 / self._reference)),
            "bid": _decimal(self._bid),
            "ask": _decimal(self._ask),
            "bid_quantity": str(self._bid_quantity),
            "ask_quantity": str(self._ask_quantity),
        }


class Market:
    """The stocks and their trades, C{item1} to C{item30}."""

    def __init__(self, clock: IReactorTime, chance: random.Random | None = None) -> None:
        """
        @param clock: the reactor, or a clock that a test turns.
        @param chance: where all randomness comes from.
        """
        chance = random.Random() if chance is None else chance
        self._clock = clock
        self._stocks = {
            f"item{number}": Stock(name, reference, chance) for number, (name, reference) in enumerate(COMPANIES, 1)
        }
        self._watchers: dict[str, list[Watcher]] = {}
        self._next_trade: dict[str, IDelayedCall] = {}

    def __contains__(self, item: object) -> bool:
        return item in self._stocks

    def quote(self, item: str) -> Quote:
        """All fields of a stock."""
        return self._stocks[item].quote(self._clock.seconds())

    def watch(self, item: str, watcher: Watcher) -> None:
        """Tell C{watcher} of each trade from now on; the stock is traded from the first watcher on."""
        self._watchers.setdefault(item, []).append(watcher)
        if item not in self._next_trade:
            self._schedule(item)

    def unwatch(self, item: str, watcher: Watcher) -> None:
        """Undo one L{watch}; without watchers the stock rests."""
        watchers = self._watchers[item]
        watchers.remove(watcher)
        if not watchers:
            del self._watchers[item]
            self._next_trade.pop(item).cancel()

    def _schedule(self, item: str) -> None:
        self._next_trade[item] = self._clock.callLater(self._stocks[item].pause(), self._trade, item)

    def _trade(self, item: str) -> None:
        # The next trade first: a watcher may leave, or fail, when it hears of this one.
        self._schedule(item)
        changes = self._stocks[item].trade(self._clock.seconds())
        for watcher in tuple(self._watchers[item]):
            watcher.traded(item, changes)


_markets: WeakValueDictionary[int, Market] = WeakValueDictionary()


def market_of(clock: IReactorTime) -> Market:
    """The market of a process: whoever asks with the same reactor sees the same prices."""
    # A market holds its clock, so the id belongs to that clock as long as the entry exists.
    market = _markets.get(id(clock))
    if market is None:
        market = _markets[id(clock)] = Market(clock)
    return market


def _decimal(hundredths: int) -> str:
    return f"{hundredths / 100:.2f}"
