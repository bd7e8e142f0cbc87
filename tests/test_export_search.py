"""Layer by layer, and the best of all: what is chosen is what the measurements say."""

import math
import sys

import numpy as np
import pytest
from export_models import codes, pictures, small

from keras_vae import export
from keras_vae.export.flatbuffer.selective import ESTIMATORS, SCHEMES, layers, selective
from keras_vae.export.int8.calibration import calibration_inputs
from keras_vae.export.proof.search import Budget
from keras_vae.export.runtime.interpreter import run


def binary(count=64):
    return (pictures(count) < 0.4).astype("float32")


@pytest.fixture(scope="module")
def dense(tmp_path_factory):
    """A dense VAE, its float32 file and inputs to calibrate on."""
    model = small("dense_vae", hidden_units=(64, 32), spread=2.0)
    path = tmp_path_factory.mktemp("dense") / "d.tflite"
    export.tflite(model, path)
    return model, path.read_bytes(), calibration_inputs(model, ("decode",), 1, binary())


class TestSelective:
    @pytest.mark.parametrize("scheme", SCHEMES)
    def test_one_scheme_for_all_layers(self, dense, scheme):
        model, content, inputs = dense
        made = selective(content, [scheme] * 3, inputs)
        error = np.abs(run(made, codes()) - model.decode(codes()))
        assert error.max() < {"float32": 1e-5}.get(scheme, 0.1)
        assert (error.max() > 1e-5) == (scheme != "float32")
        assert (len(made) < 0.7 * len(content)) == (scheme != "float32")

    @pytest.mark.parametrize("place", range(3))
    def test_a_layer_is_what_it_is_told(self, dense, place):
        """Seen in the weights: int8 where it was said, float32 elsewhere."""
        from ai_edge_litert.interpreter import Interpreter

        _, content, _ = dense
        schemes = ["float32"] * 3
        schemes[place] = "weights"
        details = Interpreter(model_content=selective(content, schemes)).get_tensor_details()
        integers = [tuple(t["shape"]) for t in details if t["dtype"] == np.int8]
        assert integers == [[(32, 3), (64, 32), (140, 64)][place]]

    def test_a_float_layer_in_the_middle(self, dense):
        model, content, inputs = dense
        made = selective(content, ["int8", "float32", "int8"], inputs)
        assert np.abs(run(made, codes()) - model.decode(codes())).max() < 0.1

    def test_estimators_differ_where_there_are_outliers(self, dense):
        model, content, inputs = dense
        outlier = 10 * codes(1)
        far = {"decode": [{"z": outlier}, *inputs["decode"]]}
        made = {name: selective(content, ["int8"] * 3, far, name) for name in ESTIMATORS}
        error = {
            name: np.abs(run(file, outlier) - model.decode(outlier)).mean()
            for name, file in made.items()
        }
        assert error["min_max"] < 0.5 * error["moving_average"]  # which has forgotten it

    def test_errors(self, dense):
        _, content, inputs = dense
        with pytest.raises(ValueError, match="3 layers need as many schemes; received 2"):
            selective(content, ["int8"] * 2, inputs)
        with pytest.raises(ValueError, match=r"scheme 'int4'.*'int8'"):
            selective(content, ["int4"] * 3, inputs)
        with pytest.raises(ValueError, match=r"estimator 'minmax'\. Did you mean 'min_max'"):
            selective(content, ["int8"] * 3, inputs, "minmax")

    def test_layers_of_every_signature(self, tmp_path):
        path = tmp_path / "d.tflite"
        export.tflite(small("dense_vae"), path, signatures=("decode", "reconstruct"))
        assert [step.graph for step in layers(path.read_bytes())] == [0, 0, 1, 1, 1, 1]


@pytest.fixture
def few(monkeypatch):
    """Three of the ways: for what does not depend on how many are tried."""
    best = sys.modules["keras_vae.export.best"]
    every = best.ways
    names = ("float16", "int8, min_max ranges of the prior", "int8, last layer weights")

    def chosen(*arguments):
        return {name: way for name, way in every(*arguments).items() if name in names}

    monkeypatch.setattr(best, "ways", chosen)


class TestBest:
    @pytest.mark.parametrize(
        ("builder", "ways"),
        [
            ("dense_vae", "few"),
            pytest.param("dense_vae", "all", marks=pytest.mark.shelf),
            pytest.param("dense_ae", "all", marks=pytest.mark.shelf),
        ],
    )
    def test_the_smallest_within_the_budget(self, builder, ways, tmp_path, request):
        if ways == "few":
            request.getfixturevalue("few")
        model, path = small(builder), tmp_path / "d.tflite"
        file = export.best(model, path, binary(), budget=Budget(nats=0.1))
        within = [row for row in file.tries if row["within"]]
        chosen = next(row for row in file.tries if row["chosen"])
        assert within
        assert all(row["within"] == (row["nats_lost"] <= 0.1) for row in file.tries)
        assert chosen["kib"] == min(row["kib"] for row in within)
        assert chosen["file"] == file.quantize
        assert chosen["bytes"] == file.bytes == path.stat().st_size
        row = export.certify(path, model, binary()[1::2])
        assert row["nats_lost"] == pytest.approx(chosen["nats_lost"], abs=1e-4)
        assert len(export.table(file.tries).splitlines()) == len(file.tries) + 2

    @pytest.mark.shelf
    def test_each_kind_of_way_is_tried(self, tmp_path):
        budget = Budget(nats=math.inf, minimise="nats")
        file = export.best(small(), tmp_path / "d.tflite", binary(), budget=budget)
        names = [row["file"] for row in file.tries]
        assert len(names) == len(set(names)) == 16
        for part in ("float16", "dynamic", "ranges of the prior", "ranges of the posterior"):
            assert any(part in name for name in names)
        for part in ("moving average", "last layer float32", "int8 weights", "dense layers only"):
            assert any(part in name for name in names)
        nearest = min(file.tries, key=lambda row: row["nats_lost"])
        assert file.quantize == nearest["file"]

    @pytest.mark.shelf
    def test_signatures_and_outputs_go_with_it(self, few, tmp_path):
        path = tmp_path / "d.tflite"
        file = export.best(
            small("dense_vae"),
            path,
            binary(),
            signatures=("decode", "generate"),
            output="logits",
            budget=Budget(nats=1.0),
        )
        assert file.signatures == ("decode", "generate")
        assert export.verify(path, small("dense_vae"))["ops"] == sum(file.ops.values())

    def test_nothing_within_the_budget(self, few, tmp_path):
        with pytest.raises(ValueError, match=r"kib=0\.1.*nothing was written.*of 3 tries"):
            export.best(small("dense_vae"), tmp_path / "d.tflite", binary(), budget=Budget(kib=0.1))
        assert not list(tmp_path.iterdir())

    def test_errors(self, tmp_path):
        path = tmp_path / "d.tflite"
        with pytest.raises(ValueError, match=r"at least two; received.*0 images"):
            export.best(small("dense_vae"), path, None)
        with pytest.raises(ValueError, match="judges by the signature 'decode'"):
            export.best(small("dense_vae"), path, binary(), signatures=("generate",))
        with pytest.raises(ValueError, match=r"quantize 'auto'.*export\.best"):
            export.tflite(small("dense_vae"), path, "auto")
        with pytest.raises(ValueError, match=r"minimise 'bytes'"):
            Budget(minimise="bytes")
