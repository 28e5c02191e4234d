"""Finds the nearest right word for a wrong one."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint to append to an error: the nearest known word, whatever its case, or the list of all of them."""
    words = sorted(known)
    folded = {one.lower(): one for one in words}
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{folded[close[0]]}'?"
    return f"Known: {', '.join(words)}." if words else "There are none."
