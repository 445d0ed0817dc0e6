"""
Which of the known names was probably meant? Half a name is enough, and a mere likeness is not: what
differs between create_customer and remove_customer is the point of it.
"""

from collections.abc import Iterable

_LONGEST = 64  # characters; comparing takes the square of it
_ALIKE = 0.75  # of 1, which is the same
_OTHER = 5  # letters in both names together; capture_charge has 7 that create_charge has not, or it has not


def nearest(name: str, known: Iterable[str]) -> str:
    """
    The name among *known* that *name* is probably a misspelling of; empty if none is close.
    """
    from difflib import get_close_matches  # imported late: most calls are spelt well

    name = name[:_LONGEST].lower()
    same_start = sorted((word for word in known if word[:1] == name[:1]), reverse=True)
    beginnings = {word[: len(name) + 1]: word for word in same_start}
    alike = max(_ALIKE, 1 - _OTHER / (2 * len(name) + 1))
    return "".join(beginnings[found] for found in get_close_matches(name, beginnings, n=1, cutoff=alike))
