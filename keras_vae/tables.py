"""Tables as Markdown, for pages and cards, and their places there."""

from tabulate import tabulate


def markdown(heads, rows, words=1):
    """A table whose first columns are words and whose others are numbers, aligned at the right.

    Args:
        heads: list of strings.
        rows: lists of as many strings, at least one.
        words: number of columns of words.

    Returns:
        str, ending in a newline.
    """
    sides = ["left"] * words + ["right"] * (len(heads) - words)
    # Numbers are strings already: tabulate would read and round them once more.
    return tabulate(rows, heads, "pipe", colalign=sides, disable_numparse=True) + "\n"


def placed(page, begin, end, made):
    """The text of a page with what stands between two of its markers made anew.

    Args:
        page: text that has the marker `begin`, and `end` behind it.
        begin, end: markers, which stay.
        made: text, ending in a newline.

    Raises:
        ValueError: the page does not have them.
    """
    if begin not in page or end not in page.split(begin, 1)[1]:
        raise ValueError(f"The page has no {begin!r} ... {end!r} to put something between.")
    before, rest = page.split(begin, 1)
    return f"{before}{begin}\n{made}{end}{rest.split(end, 1)[1]}"
