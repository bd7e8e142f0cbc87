"""Markdown tables: every cell as it was given, numbers under each other."""

import pytest

from keras_vae import tables


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_words_at_the_left_and_numbers_at_the_right():
    head, rule, *rows = tables.markdown(["file", "way", "KiB"], [["`a`", "", "1,024.0"]], 2).split(
        "\n"
    )
    assert cells(head) == ["file", "way", "KiB"]
    sides = [(cell[0] == ":", cell[-1] == ":") for cell in cells(rule)]
    assert sides == [(True, False), (True, False), (False, True)]
    assert [cells(row) for row in rows] == [["`a`", "", "1,024.0"], [""]]


def test_numbers_keep_their_digits():
    shown = ["0.0100", "+0.0000 ± 0.0000", "1e-06", "007", "100.00 %"]
    assert cells(tables.markdown(list("abcde"), [shown], 0).splitlines()[2]) == shown


def test_lines_are_as_long_as_each_other():
    text = tables.markdown(["entry", "n"], [["a", "1"], ["a long name", "1,234,567"]])
    assert len({len(line) for line in text.splitlines()}) == 1


def test_a_table_is_put_between_its_markers_and_nothing_else_changes():
    page = "a\n<!-- x -->\nold\n<!-- end -->\nb\n<!-- y -->\nother\n<!-- end -->\n"
    assert tables.placed(page, "<!-- y -->", "<!-- end -->", "new\n") == page.replace(
        "other", "new"
    )
    assert tables.placed(page, "<!-- x -->", "<!-- end -->", "new\n") == page.replace("old", "new")


def test_a_page_without_the_markers_in_their_order_is_refused():
    for page in ("", "<!-- x -->", "<!-- end --> <!-- x -->"):
        with pytest.raises(ValueError, match=r"no '<!-- x -->' \.\.\. '<!-- end -->'"):
            tables.placed(page, "<!-- x -->", "<!-- end -->", "new\n")
