"""
Portfolios of stocks: every item whose name begins with C{portfolio} (mode
COMMAND, fields C{key}, C{command} and C{qty}). The keys are the items of the
stock list, so that a client can show the quote of each row as second level.

A client trades with the messages C{BUY|portfolio|item|quantity} and
C{SELL|portfolio|item|quantity}, and gets the answer C{SUBMITTED}; what became of
the order is seen in the portfolio.
"""

from __future__ import annotations

from twisted.logger import Logger

from lsserver.adapters.errors import NotificationError, SubscribeError
from lsserver.adapters.interfaces import IAdapterContext
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider

STOCKS = frozenset(f"item{number}" for number in range(1, 31))
FIRST_HOLDINGS = {f"item{number}": 100 for number in range(1, 6)}
MAX_QUANTITY = 2**31 - 1

MAX_PORTFOLIOS = 1000
"""Anybody can invent names, so portfolios that nobody watches are not kept without limit."""


class Portfolios(DataProvider):
    """The Data Adapter: holds the portfolios and publishes their changes."""

    _log = Logger()

    def __init__(self) -> None:
        self._holdings: dict[str, dict[str, int]] = {}
        self._subscribed: set[str] = set()

    def issnapshot_available(self, item_name: str) -> bool:
        """Always: the rows are known."""
        return True

    def subscribe(self, item_name: str) -> None:
        """Send the rows, then say that this was all."""
        if not item_name.startswith("portfolio"):
            raise SubscribeError(f"there is no portfolio {item_name}")
        self._subscribed.add(item_name)
        for stock, quantity in self._portfolio(item_name).items():
            self.listener.update(item_name, {"key": stock, "command": "ADD", "qty": str(quantity)}, True)
        self.listener.end_of_snapshot(item_name)

    def unsubscribe(self, item_name: str) -> None:
        """Stop sending; the portfolio stays as it is."""
        self._subscribed.remove(item_name)

    def _portfolio(self, name: str) -> dict[str, int]:
        if name not in self._holdings:
            if len(self._holdings) >= MAX_PORTFOLIOS:
                unwatched = (old for old in self._holdings if old not in self._subscribed)
                self._holdings.pop(next(unwatched, name), None)
            self._holdings[name] = dict(FIRST_HOLDINGS)
        return self._holdings[name]

    def trade(self, name: str, stock: str, quantity: int) -> None:
        """
        Buy (or sell, when C{quantity} is negative). Selling more than there is
        sells what there is; an order that would do nothing does nothing.
        """
        holdings = self._portfolio(name)
        before = holdings.get(stock, 0)
        after = max(0, before + quantity)
        if after == before or after > MAX_QUANTITY:
            self._log.info("Order without effect: {quantity} {stock}", quantity=quantity, stock=stock)
            return
        event = {"key": stock, "command": "UPDATE" if before else "ADD", "qty": str(after)}
        if after:
            holdings[stock] = after
        else:
            del holdings[stock]
            event = {"key": stock, "command": "DELETE"}
        if name in self._subscribed:
            self.listener.update(name, event)


class PortfolioMetadata(LiteralBasedProvider):
    """The Metadata Adapter: takes orders."""

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server."""
        self._context = context

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> str:
        """C{BUY|portfolio|item|quantity} or C{SELL|...}; the client gets what is returned."""
        try:
            side, portfolio, stock, digits = message.split("|")
            sign = {"BUY": 1, "SELL": -1}[side]
            quantity = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 10 else 0
        except (ValueError, KeyError):
            raise NotificationError(f"wrong message {message[:100]!r}") from None
        if not portfolio.startswith("portfolio") or stock not in STOCKS or not 0 < quantity <= MAX_QUANTITY:
            raise NotificationError(f"wrong order {message[:100]!r}")
        portfolios: Portfolios = self._context.get_adapter("PORTFOLIO_ADAPTER")
        portfolios.trade(portfolio, stock, sign * quantity)
        return "SUBMITTED"
