"""Weights of a published model in half their bytes: eleven significant bits, and packed.

The last bits of a trained weight are noise that no packing takes off. A float32 keeps its exponent
here, so no weight is too large or too small; `training.run` rounds before it measures, so what is
published is what was measured: of conv_vae_mnist_flow and dense_vae_mnist_vamp, whose nll it moves
by less than 0.001 nats (300 test images, the same 100 draws).
"""

import io

import h5py
import numpy as np

from keras_vae import atomic

SIGNIFICANT_BITS = 11  # as many as a float16 has
SMALLEST = 64  # values; of fewer the packing's own header takes more than it saves
BOUNDS = ("v110", "v110")  # HDF5's newer headers, which every h5py that Keras runs with can read


def round_weights(model):
    """Rounds the float32 weights of a model to `SIGNIFICANT_BITS`, in place.

    Args:
        model: keras.Model; weights of other types, and values that are not finite, stay.
    """
    for weight in model.weights:
        value = np.asarray(weight)
        if value.dtype == np.float32:
            weight.assign(rounded(value))


def rounded(values):
    """float32 values of any shape to the nearest of `SIGNIFICANT_BITS`, ties to even."""
    mantissa, exponent = np.frexp(np.asarray(values, "float32"))
    kept = np.rint(np.ldexp(mantissa, SIGNIFICANT_BITS))
    return np.ldexp(kept, exponent - SIGNIFICANT_BITS)


def pack(source, target):
    """Copies an HDF5 file with its arrays packed: `keras.Model.load_weights` reads it as it is.

    The values stay as they are. Of rounded weights it takes half the bytes; of others nearly all.

    Args:
        source: path of a .weights.h5 file.
        target: path of a new one.

    Raises:
        OSError: there is no room for it.
    """
    content = io.BytesIO()  # without room on the disk HDF5 would end the process
    with h5py.File(source) as read, h5py.File(content, "w", libver=BOUNDS) as written:
        written.attrs.update(read.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Group):
                made = written.require_group(name)
            else:
                packed = {"chunks": item.shape, "compression": 9, "shuffle": True}
                packed = packed if item.size >= SMALLEST else {}
                made = written.create_dataset(name, data=item[()], **packed)
            made.attrs.update(item.attrs)

        read.visititems(copy)
    atomic.write(target, content.getvalue())
