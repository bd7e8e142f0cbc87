"""What an autoencoder's code costs beside its distortion: regularised autoencoders, by name."""

import keras
import tensorflow as tf

from keras_vae.choice import choose, real

REGISTER = keras.saving.register_keras_serializable(package="keras_vae")
LEAST = 1e-6  # of a mean activation and of what is left to 1


class Penalty:
    """Base of the penalties. They are added to the distortion, in training and in evaluation.

    Args:
        weight: nats for a penalty of 1.
    """

    def __init__(self, weight):
        self.weight = real("weight", weight, least=0)

    def of(self, model, x, z, key):
        """What the codes of B images cost.

        Args:
            model: Autoencoder.
            x: (B, H, W, C) float32, what the encoder saw.
            z: (B, D), its codes.
            key: (2,) integers, of random numbers.

        Returns:
            (B,) nats, or a scalar that each image costs.
        """
        raise NotImplementedError

    def __repr__(self):
        told = ", ".join(f"{name}={value!r}" for name, value in self.get_config().items())
        return f"{type(self).__name__}({told})"

    def get_config(self):
        return {"weight": self.weight}

    @classmethod
    def from_config(cls, config):
        return cls(**config)


@REGISTER
class L2(Penalty):
    """weight * ||z||^2 / 2 + decoder * ||theta||^2: RAE-L2 (Ghosh et al., arXiv 1903.12436).

    Args:
        weight: of half the squared norm of the code.
        decoder: of the squared norm of the decoder's weights theta, without which a decoder that
            magnifies makes up for small codes.
    """

    def __init__(self, weight=0.1, decoder=1e-4):
        super().__init__(weight)
        self.decoder = real("decoder", decoder, least=0)

    def of(self, model, x, z, key):
        total = self.weight * 0.5 * tf.reduce_sum(tf.square(z), axis=-1)
        norms = [tf.reduce_sum(tf.square(v.value)) for v in model.decoder.trainable_variables]
        return total + self.decoder * tf.add_n(norms)

    def get_config(self):
        return {**super().get_config(), "decoder": self.decoder}


@REGISTER
class GradientPenalty(Penalty):
    """weight * ||z||^2 / 2 + gradient * ||d mean(x|z) / dz||_F^2: RAE-GP (arXiv 1903.12436).

    The squared Frobenius norm of the Jacobian of the pixel means is estimated without bias, by
    ||J' u||^2 of a random vector u of signs; it costs a second way through the decoder and back.

    Args:
        weight: of half the squared norm of the code.
        gradient: of the squared Jacobian.
    """

    def __init__(self, weight=0.1, gradient=0.1):
        super().__init__(weight)
        self.gradient = real("gradient", gradient, least=0)

    def of(self, model, x, z, key):
        means = lambda code: model.likelihood_family.mean(model.decoder(code, training=False))
        total = self.weight * 0.5 * tf.reduce_sum(tf.square(z), axis=-1)
        return total + self.gradient * squared_jacobian(means, z, key)

    def get_config(self):
        return {**super().get_config(), "gradient": self.gradient}


@REGISTER
class Contractive(Penalty):
    """weight * ||dz / dx||_F^2 (Rifai et al., ICML 2011), estimated as in `GradientPenalty`."""

    def __init__(self, weight=0.1):
        super().__init__(weight)

    def of(self, model, x, z, key):
        codes = lambda images: model.code(model.encoder(images, training=False))
        return self.weight * squared_jacobian(codes, x, key)


@REGISTER
class Sparse(Penalty):
    """weight * ||z||_1, or weight * sum_d KL(rho || mean activation of latent d).

    Args:
        weight: of either.
        rho: in (0, 1), what part of the images a latent is to be on for: the KL is between two
            coins, the second the mean over the batch of sigmoid(z_d) (Ng, "Sparse autoencoder",
            2011). None: the L1 norm, whose codes a decoder that magnifies can make small.
    """

    def __init__(self, weight=0.1, rho=None):
        super().__init__(weight)
        self.rho = None if rho is None else real("rho", rho, above=0)
        if rho is not None and rho >= 1:
            raise ValueError(f"rho must be in (0, 1), a part of the images; received {rho!r}.")

    def of(self, model, x, z, key):
        if self.rho is None:
            return self.weight * tf.reduce_sum(tf.abs(z), axis=-1)
        on = tf.clip_by_value(tf.reduce_mean(tf.sigmoid(z), axis=0), LEAST, 1.0 - LEAST)
        ratio = self.rho * tf.math.log(self.rho / on)
        return self.weight * tf.reduce_sum(
            ratio + (1.0 - self.rho) * tf.math.log((1.0 - self.rho) / (1.0 - on))
        )

    def get_config(self):
        return {**super().get_config(), "rho": self.rho}


def squared_jacobian(function, values, key):
    """An estimate without bias of the squared Frobenius norm of a Jacobian, row by row.

    Args:
        function: (B, ...) -> (B, ...), each row from its own row.
        values: (B, ...).
        key: (2,) integers, of the signs.

    Returns:
        (B,).
    """
    with tf.GradientTape() as tape:
        tape.watch(values)
        given = function(values)
        drawn = tf.random.stateless_uniform(tf.shape(given), key)
        along = tf.reduce_sum(given * tf.sign(drawn - 0.5))
    slope = tape.gradient(along, values)
    return tf.reduce_sum(tf.square(slope), axis=list(range(1, slope.shape.rank)))


FAMILIES = {
    "l2": L2,
    "gradient_penalty": GradientPenalty,
    "sparse": Sparse,
    "contractive": Contractive,
}


def get(penalty):
    """None, a name of `FAMILIES`, or a Penalty, to None or a Penalty."""
    return None if penalty is None else choose("penalty", penalty, FAMILIES, Penalty)
