"""Layer by layer: a float32 file whose layers are quantised each in its own way."""

import re

from keras_vae import private_api
from keras_vae.choice import unknown
from keras_vae.export.flatbuffer.contents import operators
from keras_vae.quiet import quiet

SCHEMES = ("float32", "weights", "dynamic", "int8")
WEIGHT_OPS = {"FULLY_CONNECTED", "CONV_2D", "TRANSPOSE_CONV", "DEPTHWISE_CONV_2D", "BATCH_MATMUL"}
ESTIMATORS = ("min_max", "moving_average")


def layers(content):
    """The steps with weights of a .tflite file, in their order: list of contents.Operator."""
    return [step for step in operators(content) if step.name in WEIGHT_OPS]


def selective(content, schemes, inputs=None, estimator="min_max"):
    """Quantises a float32 file by litert-quantizer.

    What a scheme makes of a layer: "float32" leaves it; "weights" stores int8 weights and computes
    in float32; "dynamic" stores int8 weights and rounds the input while it runs, each by its own
    range; "int8" rounds inputs and outputs over ranges that are fixed now. The steps between two
    int8 layers are int8 where the tool can do it; the others stay float32.

    Args:
        content: bytes of a float32 .tflite file.
        schemes: a name of SCHEMES for each of `layers(content)`.
        inputs: of `int8.calibration.calibration_inputs`; needed where a layer is int8.
        estimator: of the ranges of activations, "min_max" over all inputs, or "moving_average" of
            the minima and maxima, which forgets outliers.

    Returns:
        bytes.

    Raises:
        ValueError: an unknown scheme or estimator, or not one scheme for each layer.
    """
    heavy = layers(content)
    if len(schemes) != len(heavy):
        raise ValueError(f"{len(heavy)} layers need as many schemes; received {len(schemes)}.")
    for scheme in schemes:
        if scheme not in SCHEMES:
            raise unknown("scheme", scheme, SCHEMES)
    if estimator not in ESTIMATORS:
        raise unknown("estimator", estimator, ESTIMATORS)
    if set(schemes) == {"float32"}:
        return content
    chosen = dict(zip((step.output for step in heavy), schemes))
    scopes = []
    for step in operators(content):
        scheme = chosen.get(step.output) or _between(content, step, chosen)
        if scheme != "float32":
            scopes.append((f"^{re.escape(step.output)}(;|$)", scheme))
    with quiet():  # the tool has progress bars of its own
        recipe, ranges = private_api.quantisation_recipe(scopes), None
        if "int8" in schemes:
            ranges = private_api.measured_ranges(content, recipe, inputs, estimator)
        return private_api.quantised(content, recipe, ranges)


def _between(content, step, chosen):
    """int8 for a step without weights that lies between two int8 layers of its graph."""
    steps = [other for other in operators(content) if other.graph == step.graph]
    place = steps.index(step)
    before = [chosen[s.output] for s in steps[:place] if s.output in chosen]
    after = [chosen[s.output] for s in steps[place:] if s.output in chosen]
    return "int8" if before[-1:] == ["int8"] and after[:1] == ["int8"] else "float32"
