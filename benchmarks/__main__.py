"""keras_vae and what people would use instead, side by side on this machine.

    python -m benchmarks                        # all sections, about half an hour
    python -m benchmarks training --rounds 7    # one of them
    python -m benchmarks --publish              # into docs/performance.md and its picture, too

Needs `pip install -e ".[bench]"`. Contenders work in turn, a round each, several rounds; told are
medians and ratios. Results are written to --output. Run it on an idle machine.
"""

import argparse
from pathlib import Path

from benchmarks import growth, machine, report, sections, start_up

SECTIONS = {
    "training": sections.training,
    "decoding": sections.decoding,
    "evaluation": sections.evaluation,
    "start_up": start_up.start_up,
    "growth": growth.growth,
}


def main():
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__.split("\n")[0]
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, default=Path("benchmark_results"))
    parser.add_argument("--publish", action="store_true", help="write docs/performance.md, too")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.sections if name not in SECTIONS]
    if unknown:
        parser.error(f"unknown section {unknown[0]!r}; the sections are {', '.join(SECTIONS)}")
    if arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1; received {arguments.rounds}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    tell = lambda text: print(text, flush=True)
    results = {"machine": machine.described()}
    for name in arguments.sections or SECTIONS:
        results[name] = SECTIONS[name](arguments.rounds, tell)
        report.write(results, arguments.output)
    if arguments.publish:
        report.publish(results)
    tell(report.text(results))


if __name__ == "__main__":
    main()
