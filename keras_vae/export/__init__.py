"""What leaves the building: SavedModels and quantised TFLite decoders, and proof that they work.

The files, in the order in which they build on each other: artefact, decoder, saved_model,
rewrite, generator, functions, pruning, fake_quant, quantize, equalise, aware, peephole,
interpreter, verify, certificate, selective, layer_inputs, rounding, search, output_file, tflite,
micro, runtimes, c_array, web_models, web, web_server.
"""

from keras_vae.export.artefact import Artefact
from keras_vae.export.aware import finetune, quantization_aware
from keras_vae.export.c_array import CArray, c_array
from keras_vae.export.certificate import certify
from keras_vae.export.functions import OUTPUTS, SIGNATURES
from keras_vae.export.saved_model import saved_model
from keras_vae.export.search import Budget
from keras_vae.export.tflite import QUANTIZE, tflite
from keras_vae.export.verify import table, verify

__all__ = [
    "OUTPUTS",
    "QUANTIZE",
    "SIGNATURES",
    "Artefact",
    "Budget",
    "CArray",
    "c_array",
    "certify",
    "finetune",
    "quantization_aware",
    "saved_model",
    "table",
    "tflite",
    "verify",
]
