"""The benchmark's own parts: workers that take turns, tables and ratios, the page."""

import json
import re

import pytest
from export_models import small

from benchmarks import machine, report
from benchmarks.side_by_side import Contender, best, measured
from keras_vae import export

FOUND = {
    "ours, slow": {"ours": True, "images_per_second": 50.0, "cpu_microseconds": 9.0},
    "ours": {"ours": True, "images_per_second": 300.0, "cpu_microseconds": 4.0},
    "peer": {"ours": False, "images_per_second": 200.0, "cpu_microseconds": 5.0},
    "absent": {"ours": False, "failed": "ModuleNotFoundError: No module named 'peer'"},
}
MACHINE = {
    "processor": "a processor",
    "processors": 2,
    "instruction_sets": ["avx2"],
    "python": "3.12",
    "versions": {"numpy": "2.0"},
    "gemm_gflops": {"1x1x1": 1.5},
}
RESULTS = {
    "machine": MACHINE,
    "training": {"dense": FOUND},
    "start_up": {"import keras_vae": 3.25},
    "growth": {
        "latent_dim": {
            "size": [8, 16],
            "seconds": [1.0, 2.0],
            "mebibytes": [3.0, 3.0],
            "slope": 1.0,
        }
    },
}


def plain(table):
    """The text with single spaces."""
    return re.sub(" +", " ", table)


def test_contenders_take_turns_and_the_absent_is_named(tmp_path):
    path = tmp_path / "decoder.tflite"
    export.tflite(small("dense_vae"), path, batch=1)
    case = {"path": str(path), "batch": 1}
    told = []
    contenders = [
        Contender("litert", "peers.runtimes:litert", case, ours=True, threads=1),
        Contender("gone", "peers.runtimes:litert", {**case, "path": f"{path}.gone"}),
    ]
    found = measured(contenders, 2, told.append)
    assert len(found["litert"]["rounds"]) == 2
    assert min(found["litert"]["rounds"]) > 0
    assert found["litert"]["cpu_microseconds"] > 0
    assert "gone" in found["gone"]["failed"]
    assert best(found, ours=True)[0] == "litert"


def test_a_ratio_is_that_of_the_best():
    assert best(FOUND, ours=True) == ("ours", 300.0)
    assert report.ratio(FOUND) == 1.5


def test_tables_say_who_failed_and_why():
    text = plain(report.text(RESULTS))
    assert "| **ours** | 300 | 1.50 | 4 |" in text
    assert "No module named 'peer'" in text
    assert text.index("**ours**") < text.index("| peer ") < text.index("**ours, slow**")
    assert "2 processors of a processor (avx2)" in text
    assert "| latent_dim | 8, 16 | 1.00, 2.00 | 1.00 | 3, 3 |" in text


def test_results_are_written(tmp_path):
    report.write(RESULTS, tmp_path)
    assert json.loads((tmp_path / "results.json").read_text())["training"]["dense"] == FOUND
    assert (tmp_path / "results.png").stat().st_size > 5_000


def test_a_summary_has_the_best_of_either_side():
    assert "| training, dense | images per second | 300 (ours) | 200 (peer) | 1.50 |" in (
        plain(report.summary(RESULTS))
    )


@pytest.mark.parametrize("page", ["PAGE", "README"])
def test_the_pages_are_what_their_record_says(page):
    made = {"PAGE": report.text, "README": report.summary}[page]
    shown = getattr(report, page).read_text(encoding="utf-8")
    record = json.loads(report.RECORD.read_text(encoding="utf-8"))
    assert shown.split(report.BEGIN)[1].split(report.END)[0].strip() == made(record).strip()


def test_what_avx512_gives_stands_apart():
    record = json.loads(report.AVX512_RECORD.read_text(encoding="utf-8"))
    assert report.record_of(record["machine"]) == report.AVX512_RECORD
    other = json.loads(report.RECORD.read_text(encoding="utf-8"))
    assert report.record_of(other["machine"]) == report.RECORD
    shown = report.PAGE.read_text(encoding="utf-8").split(report.AVX512_BEGIN)[1]
    assert shown.split(report.END)[0].strip() == report.text(record).strip()


def test_the_machine():
    told = machine.described()
    assert told["processors"] >= 1
    assert told["versions"]["numpy"]
    assert min(told["gemm_gflops"].values()) > 0.1


@pytest.mark.parametrize("size", [(8, 8, 8), (64, 32, 16)])
def test_gemm_is_a_rate(size):
    assert 0 < machine.gemm(*size, seconds=0.01) < 1e5
