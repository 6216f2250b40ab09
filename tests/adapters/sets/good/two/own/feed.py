import everybodys

from lsserver.adapters.providers import DataProvider


class Feed(DataProvider):
    origin = "two/own"
    shared = everybodys

    def subscribe(self, item_name: str) -> None: ...
    def unsubscribe(self, item_name: str) -> None: ...
