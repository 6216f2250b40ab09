class Feed:
    def __init__(self) -> None:
        raise ValueError("no\nlicence")
