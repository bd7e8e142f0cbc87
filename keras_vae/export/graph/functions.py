"""What an exported file can do: functions of static shapes, by the name that a device calls."""

import tensorflow as tf

from keras_vae.choice import unknown
from keras_vae.export.graph.generator import normal
from keras_vae.export.graph.rewrite import served

SIGNATURES = ("decode", "from_noise", "draw", "encode", "reconstruct", "interpolate", "generate")
DRAWING = ("from_noise", "draw", "generate")  # what needs a prior that can be drawn from
OUTPUTS = ("pixels", "logits", "uint8")


def functions(model, signatures, output="pixels", batch=1, serve=served):
    """The functions of a file and the tensors that they take.

    Args:
        model: Autoencoder or VAE.
        signatures: names of SIGNATURES.
        output: one of OUTPUTS, what every function that ends in an image gives.
        batch: B, images per call.
        serve: function (network) -> function of tensors; `calibration.int8_networks` rounds.

    Returns:
        dict of name -> tf.function with a static input signature.

    Raises:
        ValueError: an unknown name, or a model that cannot do what is asked.
    """
    check_choices(model, signatures, output)
    decoder, prior = serve(model.decoder), model.prior_family
    key = "logits" if output == "logits" else "images"

    def decode(z):
        return {key: _image(model.likelihood_family, decoder(z), output)}

    def code_of(images):
        return model.code(encoder(images))

    def encode(images):
        return {"z": code_of(images)}

    def reconstruct(images):
        return decode(code_of(images))

    def interpolate(start, end, position):
        return decode(prior.between(start, end, position))

    def from_noise(noise):
        return decode(prior.from_noise(noise))

    def draw(noise):
        z = prior.from_noise(noise)
        # LiteRT's CompiledModel leaves an output unwritten that is nothing but an input.
        return {"z": z if prior.makes_codes else tf.maximum(z, tf.float32.min)}

    def generate(seed):
        return from_noise(normal(seed, prior.noise_dim))

    if {"encode", "reconstruct"} & set(signatures):
        encoder = serve(model.encoder)
    code = (batch, model.latent_dim)
    inputs = {
        "decode": {"z": code},
        "from_noise": {"noise": (batch, prior.noise_dim)},
        "draw": {"noise": (batch, prior.noise_dim)},
        "encode": {"images": (batch, *model.image_shape)},
        "reconstruct": {"images": (batch, *model.image_shape)},
        "interpolate": {"start": code, "end": code, "position": (batch, 1)},
        "generate": {"seed": (batch,)},
    }
    bodies = (decode, from_noise, draw, encode, reconstruct, interpolate, generate)
    bodies = {body.__name__: body for body in bodies}
    return {name: _traced(bodies[name], inputs[name]) for name in SIGNATURES if name in signatures}


def check_choices(model, signatures, output):
    """Raises ValueError for an unknown name, and where a model cannot do what is asked.

    A prior that does not know `from_noise` raises NotImplementedError.
    """
    if isinstance(signatures, str) or not len(tuple(signatures)):
        raise ValueError(
            f"signatures must be a tuple of names, of {SIGNATURES}; received {signatures!r}."
        )
    for name in signatures:
        if name not in SIGNATURES:
            raise unknown("signature", name, SIGNATURES)
    if output not in OUTPUTS:
        raise unknown("output", output, OUTPUTS)
    drawing = [name for name in DRAWING if name in signatures]
    if drawing:
        if not model.can_sample:
            raise ValueError(
                f"The prior of this {type(model).__name__} was not fitted yet: call "
                f"model.fit_prior(images), or leave the signature {drawing[0]!r} out."
            )
        model.prior_family.from_noise(tf.zeros((1, model.prior_family.noise_dim)))


def _image(likelihood, raw, output):
    if output == "logits":
        return raw
    pixels = likelihood.mean(raw)
    if output == "uint8":
        return tf.cast(pixels * 255.0 + 0.5, tf.uint8)  # the cast cuts: this rounds
    return pixels


def _traced(body, shapes):
    specs = [
        tf.TensorSpec(shape, tf.int32 if name == "seed" else tf.float32, name=name)
        for name, shape in shapes.items()
    ]
    return tf.function(body, input_signature=specs, autograph=False)
