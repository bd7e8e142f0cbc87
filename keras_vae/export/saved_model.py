"""A SavedModel that TensorFlow runs without Keras and without this library."""

import os
from pathlib import Path

import tensorflow as tf

from keras_vae import atomic
from keras_vae.export.artefact import Artefact
from keras_vae.export.graph import decoder
from keras_vae.export.runtime.saved_model import count_ops, size
from keras_vae.quiet import quiet


def saved_model(model, folder):
    """Writes a model as a SavedModel.

    Signatures, for any batch size B; all tensors float32 unless said otherwise:

        encode(images=(B, H, W, C) in [0, 1]) -> {"z": (B, latent_dim)}
        decode(z=(B, latent_dim)) -> {"images": (B, H, W, C) pixel means in [0, 1]}
        reconstruct(images=(B, H, W, C)) -> {"images": (B, H, W, C)}
        sample(count=() int32, seed=() int32) -> {"images": (count, H, W, C)}, once there is a prior

    `sample` gives the images of `model.sample(count, seed=seed)`. It decodes them at once, so ask
    for large numbers in parts.

    Args:
        model: Autoencoder or VAE.
        folder: path of the folder to write; an older SavedModel there is replaced as a whole.

    Returns:
        Artefact.

    Raises:
        TypeError: a model without a decoder.
        FileExistsError: the folder holds something else than a SavedModel.
        FileNotFoundError: the folder's parent does not exist.
        OSError: it cannot be written; an older one is as it was.
    """
    decoder.check(model)
    folder = _free(Path(folder))
    with atomic.folder(folder) as aside, quiet():
        module, signatures = _module(model)
        try:
            tf.saved_model.save(module, str(aside), signatures=signatures)
        except tf.errors.OpError as error:  # of a full disk, say
            raise OSError(f"Cannot write {folder}: {error.message[-300:]}") from error
    return Artefact(folder, size(folder), count_ops(signatures["decode"]))


def _module(model):
    """A tf.Module with the functions and their variables, and its signatures."""
    encode, decode = decoder.encode_function(model), decoder.decode_function(model)
    images = tf.TensorSpec((None, *model.image_shape), tf.float32, name="images")
    z = tf.TensorSpec((None, model.latent_dim), tf.float32, name="z")
    functions = {
        "encode": (lambda images: {"z": encode(images)}, images),
        "decode": (lambda z: {"images": decode(z)}, z),
        "reconstruct": (lambda images: {"images": decode(encode(images))}, images),
    }
    if model.can_sample:

        def sample(count, seed):
            key = tf.stack([tf.zeros_like(seed), seed])  # as in VAE.sample
            return {"images": decode(model.prior.sample(count, seed=key))}

        scalars = [tf.TensorSpec((), tf.int32, name=name) for name in ("count", "seed")]
        functions["sample"] = (sample, *scalars)
    module, signatures = tf.Module(), {}
    module.owners = []
    for name, (function, *specs) in functions.items():
        signatures[name], owner = decoder.concrete(function, *specs)
        module.owners.append(owner)
    return module, signatures


def _free(folder):
    """The folder, if a SavedModel may be put there."""
    folder = Path(os.path.abspath(folder))
    if not folder.parent.is_dir():
        raise FileNotFoundError(
            f"Cannot write {folder}: the folder {folder.parent} does not exist. Make it first."
        )
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(
            f"Cannot write a SavedModel to {folder}: it is a file. Name a folder."
        )
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "saved_model.pb").is_file():
        raise FileExistsError(
            f"Cannot write a SavedModel to {folder}: it holds other files and no saved_model.pb. "
            "Name a new folder, or empty this one."
        )
    atomic.check(folder)
    return folder
