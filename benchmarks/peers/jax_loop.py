"""JAX: the same VAE as functions of arrays, a step compiled by XLA, Adam of optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import work

LAYOUT = ("NHWC", "HWIO", "NHWC")


def _parameters(network):
    shapes = {
        "dense": [(784, 500), (500, 500), (500, 100), (50, 500), (500, 500), (500, 784)],
        "conv": [(3, 3, 1, 32), (3, 3, 32, 64), (3136, 256), (256, 64),
                 (32, 256), (256, 3136), (3, 3, 64, 32), (5, 5, 32, 1)],
    }[network]  # fmt: skip
    random = np.random.default_rng(0)
    scale = lambda shape: np.sqrt(2 / np.prod(shape[:-1]))
    made = [
        (jnp.array(scale(s) * random.standard_normal(s), "float32"), jnp.zeros(s[-1]))
        for s in shapes
    ]
    work.check_parameters(network, sum(w.size + b.size for w, b in made))
    return made


def _conv(x, layer):
    return (
        jax.lax.conv_general_dilated(x, layer[0], (2, 2), "SAME", dimension_numbers=LAYOUT)
        + layer[1]
    )


def _transposed(x, layer):
    return jax.lax.conv_transpose(x, layer[0], (2, 2), "SAME", dimension_numbers=LAYOUT) + layer[1]


def _linear(x, layer):
    return x @ layer[0] + layer[1]


def _encoded(network, p, x):
    relu = jax.nn.relu
    if network == "dense":
        x = relu(_linear(x.reshape(len(x), -1), p[0]))
        return _linear(relu(_linear(x, p[1])), p[2])
    x = relu(_conv(relu(_conv(x, p[0])), p[1])).reshape(len(x), -1)
    return _linear(relu(_linear(x, p[2])), p[3])


def _decoded(network, p, z):
    relu = jax.nn.relu
    if network == "dense":
        x = relu(_linear(relu(_linear(z, p[3])), p[4]))
        return _linear(x, p[5]).reshape(len(z), *work.IMAGE_SHAPE)
    x = relu(_linear(relu(_linear(z, p[4])), p[5])).reshape(-1, 7, 7, 64)
    return _transposed(relu(_transposed(x, p[6])), p[7])


def fit(network):
    def loss_of(parameters, x, key):
        mean, raw = jnp.split(_encoded(network, parameters, x), 2, -1)
        scale = jax.nn.softplus(raw) + 1e-4
        z = mean + scale * jax.random.normal(key, mean.shape)
        distortion = optax.sigmoid_binary_cross_entropy(_decoded(network, parameters, z), x).sum()
        rate = (0.5 * (mean**2 + scale**2 - 1) - jnp.log(scale)).sum()
        return (distortion + rate) / len(x)

    optimizer = optax.adam(work.LEARNING_RATE)

    @jax.jit
    def step(parameters, state, key, x):
        key, drawn = jax.random.split(key)
        gradients = jax.grad(loss_of)(parameters, x, drawn)
        updates, state = optimizer.update(gradients, state)
        return optax.apply_updates(parameters, updates), state, key

    images, random = work.images(), np.random.default_rng(0)
    parameters = _parameters(network)
    kept = [parameters, optimizer.init(parameters), jax.random.key(0)]

    def train():
        for _ in range(work.EPOCHS):
            order = random.permutation(len(images))
            for start in range(0, len(images), work.BATCH):
                kept[:] = step(*kept, images[order[start : start + work.BATCH]])
        jax.block_until_ready(kept[0])
        return work.EPOCHS * len(images)

    return train
