"""What the command prints: tables for people, JSON for programs, progress out of their way."""

import contextlib
import json
import math
import shutil
import sys

from tabulate import tabulate


@contextlib.contextmanager
def progress(json_wanted):
    """With --json, progress goes to stderr: stdout is for the JSON alone.

    Keras's own bars, which write backspaces and colours even into a file, are for terminals alone.
    """
    import keras

    with contextlib.redirect_stdout(sys.stderr) if json_wanted else contextlib.nullcontext():
        before = keras.config.is_interactive_logging_enabled()
        if not sys.stdout.isatty():
            keras.config.disable_interactive_logging()
        try:
            yield
        finally:
            if before:
                keras.config.enable_interactive_logging()


def done(json_wanted, result):
    """Prints the result of a verb, a dict: as JSON, or as a table without heads."""
    if json_wanted:
        return as_json(result)
    table(["", ""], [[key, _format(value)] for key, value in result.items()])


def as_json(value):
    print(json.dumps(value, indent=2, default=str))


def numbers(measured):
    """Prints the numbers of `evaluate.report`, a line each."""
    rows = []
    for key, value in measured.items():
        inside = value if isinstance(value, dict) else {"": value}  # of --generation, --manifold
        rows += [[f"{key} {name}".strip(), _format(item)] for name, item in inside.items()]
    table(["number", "value"], rows)


def artefacts(rows):
    """Prints dicts of `export.verify` or `export.certify`, a row for each file."""
    certified = any("nats_lost" in row for row in rows)
    table(
        [
            *["file", "KiB", "us / image"],
            *(["nats lost"] if certified else []),
            *["largest pixel error", "ops"],
        ],
        [
            [
                str(row["file"]),
                f"{row['kib']:.1f}",
                f"{row['microseconds_per_image']:.0f}",
                *([f"{row.get('nats_lost', float('nan')):+.4f}"] if certified else []),
                f"{row['max_abs_error']:.2e}",
                str(row["ops"]),
            ]
            for row in rows
        ],
    )


def tries(rows):
    """The tries of `export.best`."""
    marks = {(True, True): "chosen", (True, False): "within"}
    table(
        ["way", "KiB", "nats lost", "budget", "us / image"],
        [
            [
                row["file"],
                f"{row['kib']:.1f}",
                f"{row['nats_lost']:+.4f}",
                marks.get((row["within"], row["chosen"]), ""),
                f"{row['microseconds_per_image']:.0f}",
            ]
            for row in rows
        ],
    )


def markdown(text):
    """Prints a card: laid out, without front matter, in a terminal; as it is into a pipe."""
    if not sys.stdout.isatty():
        return print(text.rstrip())
    if text.startswith("---\n"):
        text = text.split("\n---\n", 1)[1]
    from rich.console import Console
    from rich.markdown import Markdown

    Console().print(Markdown(text))


def table(columns, rows):
    """Prints aligned columns, the most important first; no cell is ever cut.

    A terminal that is too narrow loses the last columns; what is no terminal gets all of them.

    Args:
        columns: heads; all "" for none.
        rows: lists of strings, one for each column.
    """
    heads = columns if any(columns) else ()
    sides = [
        "right" if i > 0 and all(_is_number(row[i]) for row in rows) else "left"
        for i in range(len(columns) if rows else 0)  # tabulate 0.9 has no column without rows
    ]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else math.inf
    for count in range(len(columns), 0, -1):
        text = tabulate(
            [row[:count] for row in rows],
            heads[:count],
            "simple" if heads else "plain",
            colalign=sides[:count],
            disable_numparse=True,  # 0.0100 stays 0.0100
        )
        if count <= 2 or max(map(len, text.splitlines()), default=0) <= room:
            return print(text)


def _is_number(cell):
    return not cell or cell.replace(",", "").replace(".", "").lstrip("+-")[:1].isdigit()


def _format(value):
    if isinstance(value, list) and value and isinstance(value[0], float):
        return " ".join(f"{item:.3g}" for item in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
