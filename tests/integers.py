"""The integers behind the pixels of an int8 file, by which runtimes are compared."""

import numpy as np


def within_one_step(images, reference, step):
    """Share of the pixels whose logits are at most one step apart, or whose 8-bit greys are.

    Args:
        images, reference: (N, H, W, C) float32 in [0, 1].
        step: of `logit_step`, or 0 where there are no integers.
    """
    apart = np.abs(_logit(images) - _logit(reference)) <= 1.01 * step
    return float(np.mean(apart | (np.abs(images - reference) <= 1 / 255 + 1e-6)))


def _logit(pixels):
    """Of float32 pixels, in float64, kept away from the 1 that float32 rounds to."""
    pixels = np.clip(pixels.astype("float64"), 1e-30, 1 - 2**-25)
    return np.log(pixels) - np.log1p(-pixels)


def logit_step(content):
    """How far apart the logits are that the integers before the last DEQUANTIZE stand for.

    0 where float32 layers follow: the logits are no integers then.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    graph, step = model.Subgraphs(0), 0.0
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if code == schema.BuiltinOperator.DEQUANTIZE:
            step = graph.Tensors(operator.Inputs(0)).Quantization().Scale(0)
        elif code in (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED):
            step = 0.0
    return step
