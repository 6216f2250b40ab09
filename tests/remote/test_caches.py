from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from lsserver.remote.caches import Cache


class CacheTests(SynchronousTestCase):
    def test_entries_cease_to_hold(self) -> None:
        clock = Clock()
        cache: Cache[str, int] = Cache(clock, 5)
        cache.put("a", 1)
        clock.advance(5)
        self.assertEqual(cache.get("a"), 1)
        clock.advance(0.1)
        self.assertEqual((cache.get("a"), len(cache)), (None, 0))

    def test_the_oldest_make_room(self) -> None:
        cache: Cache[str, int] = Cache(Clock(), None, 2)
        for name in "abac":
            cache.put(name, 1)
        self.assertEqual([cache.get(name) for name in "abc"], [1, None, 1])
        cache.clear()
        self.assertEqual(len(cache), 0)
