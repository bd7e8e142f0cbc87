"""The Colab notebook runs from its first cell to its last."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.shelf

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "quickstart.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    return NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()


def test_every_code_cell_ran(executed):
    cells = [cell for cell in executed.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert len(cells) > 10


def test_the_pictures_are_drawn(executed):
    outputs = [out for cell in executed.cells for out in cell.get("outputs", [])]
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) >= 6


def test_more_importance_samples_give_a_tighter_bound(executed):
    (text,) = [
        out["text"]
        for cell in executed.cells
        for out in cell.get("outputs", [])
        if "nll_nats" in out.get("text", "") and out["text"].startswith("1 {")
    ]
    bounds = [
        float(re.search(r"'nll_nats': ([\d.]+)", line)[1]) for line in text.strip().splitlines()
    ]
    assert bounds == sorted(bounds, reverse=True)


def test_the_committed_notebook_has_no_outputs():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
