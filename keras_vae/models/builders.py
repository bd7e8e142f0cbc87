"""Builders: pick the networks, hand the other three choices on.

An argument that both networks take may differ between them: `hidden_units={"encoder": (500, 500),
"decoder": (48,)}` is a large encoder for a small decoder; so may the others of the networks.
"""

import inspect

from keras_vae import causal, networks
from keras_vae.choice import image_shape as checked_shape
from keras_vae.choice import unknown, whole, widths
from keras_vae.distributions import likelihoods, posteriors
from keras_vae.models.adversarial import AdversarialAutoencoder, FactorVAE
from keras_vae.models.autoencoder import Autoencoder
from keras_vae.models.autoregressive import Autoregressive
from keras_vae.models.vae import VAE


def dense_ae(
    image_shape,
    latent_dim=32,
    *,
    hidden_units=(500, 500),
    activation="relu",
    likelihood="normal",
    prior="full_normal",
    penalty=None,
    adversary=None,
):
    """Fully connected autoencoder.

    Args:
        image_shape: (H, W, C).
        latent_dim: size of the code.
        hidden_units: width of each hidden layer, from the image to the code.
        activation: of the hidden layers, a name of Keras or "gated".
        likelihood, prior, penalty: see `Autoencoder`.
        adversary: "discriminator", or an `adversaries.Discriminator`: draws the codes to the prior,
            see `AdversarialAutoencoder`; or None.

    Returns:
        Autoencoder or AdversarialAutoencoder, not compiled.
    """
    layers = {"hidden_units": hidden_units, "activation": activation}
    families = {"prior": prior, "penalty": penalty, "adversary": adversary}
    return _autoencoder("dense", image_shape, latent_dim, layers, {}, likelihood, families)


def conv_ae(
    image_shape,
    latent_dim=32,
    *,
    filters=(32, 64),
    kernel_size=3,
    residual_blocks=0,
    hidden_units=256,
    activation="relu",
    head_filters=0,
    head_blocks=0,
    likelihood="normal",
    prior="full_normal",
    penalty=None,
    adversary=None,
):
    """Convolutional autoencoder.

    Args:
        image_shape: (H, W, C); any sizes, they need not be multiples of the stride.
        latent_dim: size of the code.
        filters, kernel_size, residual_blocks, hidden_units, activation, head_filters, head_blocks:
            see `networks.conv_encoder` and `networks.conv_decoder`.
        likelihood, prior, penalty: see `Autoencoder`.
        adversary: "discriminator", or an `adversaries.Discriminator`: draws the codes to the prior,
            see `AdversarialAutoencoder`; or None.

    Returns:
        Autoencoder or AdversarialAutoencoder, not compiled.
    """
    layers = {
        "filters": filters,
        "kernel_size": kernel_size,
        "residual_blocks": residual_blocks,
        "hidden_units": hidden_units,
        "activation": activation,
    }
    head = {"head_filters": head_filters, "head_blocks": head_blocks}
    families = {"prior": prior, "penalty": penalty, "adversary": adversary}
    return _autoencoder("conv", image_shape, latent_dim, layers, head, likelihood, families)


def dense_vae(
    image_shape,
    latent_dim=32,
    *,
    hidden_units=(500, 500),
    activation="relu",
    likelihood="bernoulli",
    posterior="diagonal_normal",
    prior="standard_normal",
    objective="elbo",
    adversary=None,
):
    """Fully connected VAE.

    Args:
        image_shape: (H, W, C).
        latent_dim: size of the code.
        hidden_units: width of each hidden layer, from the image to the code.
        activation: of the hidden layers, a name of Keras or "gated".
        likelihood, posterior, prior, objective: see `VAE`.
        adversary: "discriminator", or an `adversaries.Discriminator`: estimates the total
            correlation, see `FactorVAE`; or None.

    Returns:
        VAE or FactorVAE, not compiled.
    """
    layers = {"hidden_units": hidden_units, "activation": activation}
    families = {"posterior": posterior, "prior": prior, "objective": objective}
    families["adversary"] = adversary
    return _vae("dense", image_shape, latent_dim, layers, {}, likelihood, families)


def conv_vae(
    image_shape,
    latent_dim=32,
    *,
    filters=(32, 64),
    kernel_size=3,
    residual_blocks=0,
    hidden_units=256,
    activation="relu",
    head_filters=0,
    head_blocks=0,
    likelihood="bernoulli",
    posterior="diagonal_normal",
    prior="standard_normal",
    objective="elbo",
    adversary=None,
):
    """Convolutional VAE.

    Args:
        image_shape: (H, W, C); any sizes, they need not be multiples of the stride.
        latent_dim: size of the code.
        filters, kernel_size, residual_blocks, hidden_units, activation, head_filters, head_blocks:
            see `networks.conv_encoder` and `networks.conv_decoder`.
        likelihood, posterior, prior, objective: see `VAE`.
        adversary: "discriminator", or an `adversaries.Discriminator`: estimates the total
            correlation, see `FactorVAE`; or None.

    Returns:
        VAE or FactorVAE, not compiled.
    """
    layers = {
        "filters": filters,
        "kernel_size": kernel_size,
        "residual_blocks": residual_blocks,
        "hidden_units": hidden_units,
        "activation": activation,
    }
    head = {"head_filters": head_filters, "head_blocks": head_blocks}
    families = {"posterior": posterior, "prior": prior, "objective": objective}
    families["adversary"] = adversary
    return _vae("conv", image_shape, latent_dim, layers, head, likelihood, families)


def pixel_cnn(
    image_shape, *, filters=24, blocks=6, kernel_size=5, head_filters=64, likelihood="bernoulli"
):
    """Gated PixelCNN (arXiv 1606.05328): an exact density.

    Args:
        image_shape: (H, W, C).
        filters, blocks, kernel_size, head_filters: see `causal.pixel_cnn`.
        likelihood: see `Autoregressive`.

    Returns:
        Autoregressive, not compiled.
    """
    layers = {
        "filters": filters,
        "blocks": blocks,
        "kernel_size": kernel_size,
        "head_filters": head_filters,
    }
    return _autoregressive(causal.pixel_cnn, image_shape, layers, likelihood)


def pixel_rnn(
    image_shape, *, filters=32, blocks=4, kernel_size=3, head_filters=64, likelihood="bernoulli"
):
    """PixelRNN of Row LSTM layers (arXiv 1601.06759): an exact density.

    Args:
        image_shape: (H, W, C).
        filters, blocks, kernel_size, head_filters: see `causal.pixel_rnn`.
        likelihood: see `Autoregressive`.

    Returns:
        Autoregressive, not compiled.
    """
    layers = {
        "filters": filters,
        "blocks": blocks,
        "kernel_size": kernel_size,
        "head_filters": head_filters,
    }
    return _autoregressive(causal.pixel_rnn, image_shape, layers, likelihood)


BUILDERS = {
    "dense_ae": dense_ae,
    "conv_ae": conv_ae,
    "dense_vae": dense_vae,
    "conv_vae": conv_vae,
    "pixel_cnn": pixel_cnn,
    "pixel_rnn": pixel_rnn,
}


def build(builder, **arguments):
    """Calls a builder by its name; what is built shares no instance with the arguments.

    Raises:
        ValueError: an unknown builder, or an argument that it does not take.
    """
    bind(builder, arguments)
    return BUILDERS[builder](**{name: _own(value) for name, value in arguments.items()})


def _own(value):
    """A fresh copy of a family or an objective, without its weights; other values as they are."""
    if not hasattr(value, "get_config"):
        return value
    return type(value).from_config(value.get_config())


def bind(builder, arguments):
    """All arguments of a builder, its defaults filled in: what config.json records.

    Raises:
        ValueError: an unknown builder, or an argument that it does not take.
    """
    if builder not in BUILDERS:
        raise unknown("builder", builder, BUILDERS)
    parameters = inspect.signature(BUILDERS[builder]).parameters
    for name in arguments:
        if name not in parameters:
            raise unknown(f"argument of {builder}", name, parameters)
    if "image_shape" not in arguments:
        raise ValueError(f"{builder} needs image_shape=(H, W, C).")
    return {name: arguments.get(name, parameter.default) for name, parameter in parameters.items()}


def _autoencoder(kind, image_shape, latent_dim, layers, head, likelihood, families):
    likelihood = likelihoods.get(likelihood)
    pair = _networks(kind, image_shape, latent_dim, None, likelihood, layers, head)
    if families["adversary"] is None:
        del families["adversary"]
        return Autoencoder(*pair, likelihood=likelihood, **families)
    return AdversarialAutoencoder(*pair, likelihood=likelihood, **families)


def _vae(kind, image_shape, latent_dim, layers, head, likelihood, families):
    likelihood = likelihoods.get(likelihood)
    posterior = posteriors.get(families["posterior"])
    pair = _networks(kind, image_shape, latent_dim, posterior, likelihood, layers, head)
    families = {**families, "posterior": posterior}
    if families["adversary"] is None:
        del families["adversary"]
        return VAE(*pair, likelihood=likelihood, **families)
    return FactorVAE(*pair, likelihood=likelihood, **families)


def _autoregressive(network, image_shape, layers, likelihood):
    likelihood = likelihoods.get(likelihood)
    shape = checked_shape(image_shape)
    outputs = likelihood.parameters(shape[2])
    return Autoregressive(network(shape, outputs, **layers), likelihood=likelihood)


def _networks(kind, image_shape, latent_dim, posterior, likelihood, layers, head):
    """The encoder and the decoder of one kind, for the numbers that the families ask for.

    Without a posterior the encoder gives the code itself.
    """
    shape = checked_shape(image_shape)
    latent_dim = whole("latent_dim", latent_dim)
    numbers = latent_dim if posterior is None else posterior.parameters(latent_dim)
    outputs = likelihood.parameters(shape[2])
    of_encoder, of_decoder = (
        {name: _of(network, name, value) for name, value in layers.items()}
        for network in ("encoder", "decoder")
    )
    if kind == "dense":
        mirrored = {
            **of_decoder,
            "hidden_units": widths("hidden_units", of_decoder["hidden_units"])[::-1],
        }
        return (
            networks.dense_encoder(shape, numbers, **of_encoder),
            networks.dense_decoder(latent_dim, shape, outputs, **mirrored),
        )
    return (
        networks.conv_encoder(shape, numbers, **of_encoder, **head),
        networks.conv_decoder(latent_dim, shape, outputs, **of_decoder, **head),
    )


def _of(network, name, value):
    """The value of an argument for one network, "encoder" or "decoder"."""
    if not isinstance(value, dict):
        return value
    if set(value) != {"encoder", "decoder"}:
        raise ValueError(
            f"{name} must be one value for both networks, or a dict of 'encoder' and 'decoder'; "
            f"received a dict of {sorted(map(str, value))}."
        )
    return value[network]
