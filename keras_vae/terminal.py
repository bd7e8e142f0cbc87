"""What the command prints: tables for people, JSON for programs, progress out of their way."""

import contextlib
import json
import sys


@contextlib.contextmanager
def progress(json_wanted):
    """With --json, progress goes to stderr: stdout is for the JSON alone."""
    with contextlib.redirect_stdout(sys.stderr) if json_wanted else contextlib.nullcontext():
        yield


def done(json_wanted, result):
    """A dict, as JSON or as a table without heads."""
    if json_wanted:
        return as_json(result)
    table(["", ""], [[key, _format(value)] for key, value in result.items()])


def as_json(value):
    print(json.dumps(value, indent=2, default=str))


def numbers(measured):
    """What `evaluate.report` gives."""
    table(["number", "value"], [[key, _format(value)] for key, value in measured.items()])


def artefacts(rows):
    """What `export.verify` or `export.certify` gives, a row for each file."""
    certified = any("nats_lost" in row for row in rows)
    table(
        [
            *["file", "KiB", "us / image", "largest pixel error"],
            *(["nats lost"] if certified else []),
            "ops",
        ],
        [
            [
                str(row["file"]),
                f"{row['kib']:.1f}",
                f"{row['microseconds_per_image']:.0f}",
                f"{row['max_abs_error']:.2e}",
                *([f"{row.get('nats_lost', float('nan')):+.4f}"] if certified else []),
                str(row["ops"]),
            ]
            for row in rows
        ],
    )


def tries(rows):
    """The tries of quantize="auto"."""
    marks = {(True, True): "chosen", (True, False): "within"}
    table(
        ["way", "KiB", "nats lost", "us / image", ""],
        [
            [
                row["file"],
                f"{row['kib']:.1f}",
                f"{row['nats_lost']:+.4f}",
                f"{row['microseconds_per_image']:.0f}",
                marks.get((row["within"], row["chosen"]), ""),
            ]
            for row in rows
        ],
    )


def table(columns, rows):
    from rich.console import Console
    from rich.table import Table

    shown = Table(*columns, show_header=any(columns))
    for row in rows:
        shown.add_row(*row)
    Console().print(shown)


def _format(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
