"""`tfp.distributions`, imported at the first use: `import keras_vae` stays cheap."""


def __getattr__(name):
    import tensorflow_probability as tfp

    return getattr(tfp.distributions, name)
