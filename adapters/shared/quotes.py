"""
The adapters of the stock list, used by several adapter sets.

Items C{item1} to C{item30}, mode MERGE, with the fields C{stock_name},
C{last_price}, C{time}, C{pct_change}, C{bid_quantity}, C{bid}, C{ask},
C{ask_quantity}, C{min}, C{max}, C{ref_price}, C{open_price}, C{item_status} and
C{timestamp} (milliseconds since 1970).
"""

from __future__ import annotations

from market import Market, Quote, market_of

from lsserver.adapters.errors import NotificationError, SubscribeError
from lsserver.adapters.interfaces import IAdapterContext
from lsserver.adapters.literal import LiteralBasedProvider
from lsserver.adapters.providers import DataProvider


class QuoteAdapter(DataProvider):
    """Publishes the trades of the stocks that somebody looks at."""

    def set_context(self, context: IAdapterContext) -> None:
        """Called first, by the server. Sets with the same market show the same prices."""
        self._market: Market = market_of(context.reactor)
        self._subscribed: set[str] = set()

    def issnapshot_available(self, item_name: str) -> bool:
        """Always: a stock has a price at any time."""
        return True

    def subscribe(self, item_name: str) -> None:
        """Send all fields at once, then the changes of each trade."""
        if item_name not in self._market:
            raise SubscribeError(f"there is no stock {item_name}")
        self._subscribed.add(item_name)
        self.listener.update(item_name, self._market.quote(item_name), True)
        self._market.watch(item_name, self)

    def unsubscribe(self, item_name: str) -> None:
        """Stop sending. May still be called after L{stop}."""
        if item_name in self._subscribed:
            self._subscribed.remove(item_name)
            self._market.unwatch(item_name, self)

    def traded(self, item: str, changes: Quote) -> None:
        """The market reports a trade. In MERGE the fields that did not change may be left out."""
        self.listener.update(item, changes)

    def stop(self) -> None:
        """The server stops: leave nothing running."""
        for item in tuple(self._subscribed):
            self.unsubscribe(item)


class QuoteMetadata(LiteralBasedProvider):
    """Lists of names are groups and schemas; there is nothing to send."""

    def notify_user_message(self, user: str | None, session_id: str, message: str) -> None:
        """No message means anything here."""
        raise NotificationError(f"wrong message {message[:100]!r}")
