"""What leaves the building: SavedModels and quantised TFLite decoders, and proof that they work.

The rooms, each of which uses only those above it:

    graph         a model as functions of tensors
    flatbuffer    .tflite files, bytes to bytes
    int8          what an int8 file computes, and over which ranges
    runtime       runs exported files
    proof         verify, certify, and the search for the best
    saved_model, tflite, c_array    the formats, a file each; best chooses among them
"""

from keras_vae.export.artefact import Artefact
from keras_vae.export.best import best
from keras_vae.export.c_array import CArray, c_array
from keras_vae.export.graph.functions import OUTPUTS, SIGNATURES
from keras_vae.export.graph.pruning import Pruned, pruned
from keras_vae.export.int8.aware import finetune, quantization_aware
from keras_vae.export.proof.certificate import certify
from keras_vae.export.proof.search import Budget
from keras_vae.export.proof.verify import table, verify
from keras_vae.export.saved_model import saved_model
from keras_vae.export.tflite import QUANTIZE, tflite

__all__ = [
    "OUTPUTS",
    "QUANTIZE",
    "SIGNATURES",
    "Artefact",
    "Budget",
    "CArray",
    "Pruned",
    "best",
    "c_array",
    "certify",
    "finetune",
    "pruned",
    "quantization_aware",
    "saved_model",
    "table",
    "tflite",
    "verify",
]
