"""The Colab notebooks run from their first cell to their last."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.shelf

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PICTURES = {"quickstart": 6, "autoencoder_or_vae": 3}


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(request, tmp_path_factory):
    """(name, the notebook with the outputs of its cells)"""
    notebook = nbformat.read(request.param, as_version=4)
    where = {"metadata": {"path": str(tmp_path_factory.mktemp("notebook"))}}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where)
    return request.param.stem, client.execute()


def texts(notebook):
    """What each code cell prints, a string each; it comes in pieces."""
    printed = lambda cell: [o["text"] for o in cell.outputs if o.get("name") == "stdout"]
    return ["".join(printed(cell)) for cell in notebook.cells if cell.cell_type == "code"]


def test_every_code_cell_ran(executed):
    cells = [cell for cell in executed[1].cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    assert len(cells) > 6


def test_the_pictures_are_drawn(executed):
    name, notebook = executed
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", [])]
    pictures = [out for out in outputs if "image/png" in out.get("data", {})]
    assert len(pictures) >= PICTURES[name]


def test_what_they_print_is_what_they_say(executed):
    name, notebook = executed
    if name == "quickstart":  # more importance samples give a tighter bound
        (text,) = [text for text in texts(notebook) if text.startswith("1 {")]
        bounds = [float(found) for found in re.findall(r"'nll_nats': ([\d.]+)", text)]
        assert len(bounds) == 3
        assert bounds == sorted(bounds, reverse=True)
        return
    (text,) = [text for text in texts(notebook) if "nll" in text]  # digits are the likeliest
    nll = [float(found) for found in re.findall(r"nll +([\d.]+)", text)]
    assert len(nll) == 3
    assert nll[0] < nll[1] < nll[2]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_notebook_has_no_outputs(path):
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
