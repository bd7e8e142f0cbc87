"""Tables as Markdown, for pages and cards."""

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
