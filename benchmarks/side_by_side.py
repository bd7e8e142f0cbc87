"""Contenders side by side: each in a process of its own, a round of each in turn.

A contender is a function of a module of this folder that prepares its work and returns it:
`prepare(**case)` -> `work()`, which does it once and returns the number of images. Frameworks in
one process would share, and fight for, its threads; here all but one wait for a line on stdin.
"""

import dataclasses
import importlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclasses.dataclass
class Contender:
    """Who competes.

    Attributes:
        name: in the tables.
        place: "module:function" of what prepares it, the module below `benchmarks`.
        case: arguments of the function.
        ours: whether it is this library; the others are its peers.
        threads: processors that it may use, or None for all.
    """

    name: str
    place: str
    case: dict
    ours: bool = False
    threads: int | None = None


def measured(contenders, rounds, tell=print):
    """Lets contenders work in turn, `rounds` times.

    Returns:
        dict, name -> {"images_per_second", "cpu_microseconds": medians over the rounds, "rounds":
        images per second of each, "ours"}, or {"failed": the last line of its error, "ours"}.
    """
    workers = {}
    found = {contender.name: {"ours": contender.ours, "rounds": []} for contender in contenders}
    try:
        for contender in contenders:
            worker = _start(contender)
            ready = worker.stdout.readline()
            if ready.strip() == "ready":
                workers[contender.name] = worker
            else:
                found[contender.name] = {"ours": contender.ours, "failed": _why(worker)}
                tell(f"  {contender.name}: {found[contender.name]['failed']}")
        costs = {name: [] for name in workers}
        for number in range(rounds):
            for name, worker in workers.items():
                worker.stdin.write("go\n")
                worker.stdin.flush()
                told = json.loads(worker.stdout.readline())
                found[name]["rounds"].append(told["images"] / told["seconds"])
                costs[name].append(1e6 * told["cpu_seconds"] / told["images"])
                tell(f"  {number + 1}/{rounds} {name}: {found[name]['rounds'][-1]:,.0f} images/s")
        for name, cost in costs.items():
            found[name]["images_per_second"] = statistics.median(found[name]["rounds"])
            found[name]["cpu_microseconds"] = statistics.median(cost)
    finally:
        for worker in workers.values():
            worker.stdin.close()
            worker.wait()
    return found


def _start(contender):
    command = [sys.executable, "-m", "benchmarks.side_by_side"]
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONWARNINGS": "ignore"}
    environment.pop("TF_ENABLE_ONEDNN_OPTS", None)  # ours sets it by its import, as for any user
    if contender.threads is not None:
        names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "OPENBLAS_NUM_THREADS")
        environment.update(dict.fromkeys(names, str(contender.threads)))
        environment["BENCHMARK_PROCESSORS"] = str(contender.threads)
    worker = subprocess.Popen(
        [*command, contender.place, json.dumps(contender.case)],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    return worker


def _why(worker):
    lines = worker.communicate()[1].strip().splitlines()
    return lines[-1] if lines else f"ended with status {worker.returncode}"


def best(found, ours):
    """(name, images per second) of the fastest of ours, or of the peers."""
    rates = {
        name: told["images_per_second"]
        for name, told in found.items()
        if told["ours"] == ours and "images_per_second" in told
    }
    return max(rates.items(), key=lambda item: item[1]) if rates else (None, float("nan"))


def _work():
    """The worker's side: prepares, works once to warm up, then once for each line."""
    place, case = sys.argv[1], json.loads(sys.argv[2])
    processors = int(os.environ.get("BENCHMARK_PROCESSORS", 0))
    if processors:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-processors:])
    out, sys.stdout = sys.stdout, sys.stderr  # what frameworks print is not the protocol
    module, function = place.split(":")
    work = getattr(importlib.import_module(f"benchmarks.{module}"), function)(**case)
    work()
    print("ready", file=out, flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), time.process_time()
        images = work()
        told = {"images": images, "seconds": time.perf_counter() - start}
        told["cpu_seconds"] = time.process_time() - cpu
        print(json.dumps(told), file=out, flush=True)


if __name__ == "__main__":
    _work()
