"""Small things that reading problems and reading solutions share."""


def shown(text: str) -> str:
    """A text as a message quotes it: on one line, and its beginning alone if it is long."""
    return repr(text if len(text) <= 60 else text[:57] + "...")


def number(text: str) -> int | None:
    """The number that a word spells, None if it is none (or longer than any of ours)."""
    return int(text) if len(text) < 10 and text.isascii() and text.isdigit() else None
