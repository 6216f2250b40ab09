import library.other
from library import other


def where() -> str:
    assert library.other is other
    return other.HERE
