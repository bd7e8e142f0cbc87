"""The steps: nats per image whatever the batch, refusals before the first step, seams."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp

from keras_vae import models, objectives
from keras_vae.distributions import likelihoods, priors

tfd = tfp.distributions


def dense_vae(**options):
    options = {"image_shape": (8, 8, 1), "latent_dim": 3, "hidden_units": (16,), **options}
    return models.dense_vae(**options)


def dense_ae(**options):
    options = {"image_shape": (8, 8, 1), "latent_dim": 3, "hidden_units": (16,), **options}
    return models.dense_ae(**options)


def without_noise(vae):
    """Makes the posterior's scale 1e-4 by its last layer, so that evaluation does not depend on
    the draw."""
    kernel, bias = vae.encoder.get_layer("parameters").get_weights()
    kernel[:, vae.latent_dim :], bias[vae.latent_dim :] = 0.0, -30.0
    vae.encoder.get_layer("parameters").set_weights([kernel, bias])
    return vae


# ---- trackers ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vae_without_noise():
    """Compiled once, for what evaluates it as it is."""
    vae = without_noise(dense_vae())
    vae.compile()
    return vae


@pytest.mark.parametrize(
    "batch_size",
    [pytest.param(1, marks=pytest.mark.shelf), 7, pytest.param(50, marks=pytest.mark.shelf), 64],
)
def test_trackers_are_nats_per_image_for_every_batch_size(vae_without_noise, binary, batch_size):
    vae, images = vae_without_noise, binary[:50]
    numbers = vae.evaluate(images, batch_size=batch_size, verbose=0, return_dict=True)
    codes = vae.encode(images)
    p = vae.decode(codes).astype("float64")
    cross_entropy = -(images * np.log(p) + (1 - images) * np.log1p(-p)).sum(axis=(1, 2, 3))
    rate = (0.5 * (1e-8 + codes.astype("float64") ** 2 - 1) - np.log(1e-4)).sum(axis=1)
    assert numbers["distortion"] == pytest.approx(cross_entropy.mean(), rel=1e-3)
    assert numbers["rate"] == pytest.approx(rate.mean(), rel=1e-3)
    assert numbers["loss"] == pytest.approx(numbers["distortion"] + numbers["rate"], rel=1e-5)
    assert numbers["elbo"] == pytest.approx(-numbers["loss"], rel=1e-5)


@pytest.fixture(scope="module")
def normal_ae():
    """Compiled once, for what evaluates it as it is."""
    ae = dense_ae(likelihood=likelihoods.Normal(scale=0.2))
    ae.compile()
    return ae


@pytest.mark.parametrize("batch_size", [7, 64])
def test_autoencoder_trackers(normal_ae, grey, batch_size):
    ae = normal_ae
    numbers = ae.evaluate(grey, batch_size=batch_size, verbose=0, return_dict=True)
    error = np.square(ae.reconstruct(grey).astype("float64") - grey)
    nats = (error / (2 * 0.2**2) + np.log(0.2 * np.sqrt(2 * np.pi))).sum(axis=(1, 2, 3)).mean()
    assert numbers["mse"] == pytest.approx(error.mean(), rel=1e-4)
    assert numbers["distortion"] == pytest.approx(nats, rel=1e-4)
    assert numbers["loss"] == numbers["distortion"]


def test_beta_moves_the_loss_but_not_the_elbo(binary):
    vae = without_noise(dense_vae(objective=objectives.ELBO(beta=4.0)))
    vae.compile()
    numbers = vae.evaluate(binary, verbose=0, return_dict=True)
    assert numbers["loss"] == pytest.approx(numbers["distortion"] + 4 * numbers["rate"], rel=1e-4)
    assert numbers["elbo"] == pytest.approx(-numbers["distortion"] - numbers["rate"], rel=1e-4)


def test_iwae_tightens_the_bound_and_leaves_the_trackers_in_their_meaning(binary):
    losses = {}
    for samples in (1, 50):
        keras.utils.set_random_seed(0)
        vae = dense_vae(objective=objectives.IWAE(samples=samples))
        vae.compile()
        numbers = vae.evaluate(binary, verbose=0, return_dict=True)
        assert numbers["elbo"] == pytest.approx(-numbers["distortion"] - numbers["rate"], rel=1e-5)
        losses[samples] = numbers["loss"], -numbers["elbo"]
    assert losses[1][0] == pytest.approx(losses[1][1], rel=0.01)  # the same bound, but for noise
    assert losses[50][0] < losses[50][1] - 0.1
    assert losses[50][1] == pytest.approx(losses[1][1], rel=0.01)
    vae.compile(keras.optimizers.Adam(1e-2))
    history = vae.fit(binary, epochs=5, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] - 0.5


def test_warmup_acts_in_training_only(binary):
    vae = without_noise(dense_vae())
    vae.objective.warmup.assign(0.0)
    vae.compile(optimizer=keras.optimizers.SGD(0.0))
    trained = vae.fit(binary, validation_data=binary, verbose=0).history
    assert trained["loss"][0] == pytest.approx(trained["distortion"][0], rel=1e-4)
    expected = trained["val_distortion"][0] + trained["val_rate"][0]
    assert trained["val_loss"][0] == pytest.approx(expected, rel=1e-4)


def test_sample_weight_scales_each_image(grey):
    ae = dense_ae()
    ae.compile()
    half = np.repeat([1.0, 0.0], 32)
    whole = ae.evaluate(grey[:32], verbose=0, return_dict=True)["loss"]
    weighted = ae.evaluate(grey, sample_weight=half, verbose=0, return_dict=True)["loss"]
    assert weighted == pytest.approx(whole / 2, rel=1e-4)
    ae.optimizer.learning_rate = 0.0
    history = ae.fit(
        grey, sample_weight=half, validation_data=(grey, None, half), verbose=0
    ).history
    assert history["loss"][0] == pytest.approx(whole / 2, rel=1e-4)
    assert history["val_loss"][0] == pytest.approx(whole / 2, rel=1e-4)


def test_noisy_input_is_judged_by_the_clean_target(normal_ae, grey):
    ae = normal_ae
    noise = np.clip(grey + 0.3 * np.random.randn(*grey.shape), 0, 1).astype("float32")
    mse = ae.evaluate(noise, grey, verbose=0, return_dict=True)["mse"]
    assert mse == pytest.approx(np.mean((ae.reconstruct(noise) - grey) ** 2), rel=1e-4)


def test_regularisation_is_part_of_the_loss_in_training_and_evaluation(grey):
    ae = dense_ae()
    regular = keras.layers.Dense(
        3, kernel_regularizer=keras.regularizers.L2(0.5), name="parameters"
    )
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), regular])
    ae = models.Autoencoder(encoder, dense_ae().decoder)
    ae.compile(optimizer=keras.optimizers.SGD(0.0))
    history = ae.fit(grey, validation_data=grey, batch_size=10, verbose=0).history
    penalty = 0.5 * np.sum(np.square(regular.kernel))
    assert penalty > 1
    for prefix in ("", "val_"):
        extra = history[f"{prefix}loss"][0] - history[f"{prefix}distortion"][0]
        assert extra == pytest.approx(penalty, rel=1e-3)


def test_regularisation_reaches_the_gradient(grey):
    small = keras.regularizers.L2(100.0)
    layer = keras.layers.Dense(3, kernel_regularizer=small)
    encoder = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), layer])
    ae = models.Autoencoder(encoder, dense_ae().decoder)
    ae.compile(optimizer=keras.optimizers.Adam(0.01))
    before = np.linalg.norm(layer.kernel)
    ae.fit(grey, epochs=15, batch_size=16, verbose=0)
    assert np.linalg.norm(layer.kernel) < 0.5 * before


# ---- refused before the first step ------------------------------------------------------------


class Steps(keras.callbacks.Callback):
    """Counts the batches that were trained on."""

    count = 0

    def on_train_batch_begin(self, batch, logs=None):
        self.count += 1


def refused(model, match, *arrays, **options):
    model.compile()
    steps, before = Steps(), model.get_weights()
    with pytest.raises(ValueError, match=match):
        model.fit(*arrays, verbose=0, callbacks=[steps], **options)
    assert steps.count == 0
    for mine, theirs in zip(before, model.get_weights()):
        np.testing.assert_array_equal(mine, theirs)


def dataset(*arrays):
    parts = arrays[0] if len(arrays) == 1 else arrays
    return tf.data.Dataset.from_tensor_slices(parts).batch(16)


@pytest.mark.parametrize("wrap", [np.asarray, dataset], ids=["array", "dataset"])
@pytest.mark.parametrize("shape", [(20, 8, 9, 1), (20, 64), (20, 8, 8, 3), (20, 8, 8, 1, 1)])
def test_wrong_shape_is_refused(wrap, shape):
    images = wrap(np.zeros(shape, "float32"))
    refused(dense_vae(), r"must have shape \(N, 8, 8, 1\) or \(N, 8, 8\); received", images)


def test_missing_channels_of_a_colour_model_are_refused():
    model = dense_ae(image_shape=(8, 8, 3))
    refused(model, r"must have shape \(N, 8, 8, 3\); received \(20, 8, 8\)", np.zeros((20, 8, 8)))


@pytest.mark.parametrize("wrap", [np.asarray, dataset], ids=["array", "dataset"])
def test_eight_bit_images_are_refused(wrap, digits):
    images = wrap(digits.train.images[:32])
    refused(dense_vae(), r"Bernoulli.*\[0, 1\].*\[0, 255\].*Divide", images)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(binary, value):
    broken = binary.copy()
    broken[3, 0, 0, 0] = broken[5, 1, 1, 0] = value
    message = r"2 values that are NaN or infinite, first in image 3 \(2 images"
    refused(dense_vae(), f"x has {message}", broken)
    refused(dense_vae(), f"y has {message}", binary, broken)
    refused(dense_vae(), f"x has {message}", dataset(broken))
    refused(dense_vae(), f"x has {message}", binary, validation_data=broken)
    refused(dense_vae(), f"y has {message}", binary, validation_data=[binary, broken])


def test_labels_as_target_are_refused(binary, digits):
    labels = digits.train.labels[:64]
    refused(dense_vae(), "Labels do not belong into fit", binary, labels)
    refused(dense_vae(), "Labels do not belong", binary, validation_data=(binary, labels))


def test_pairs_of_unequal_length_are_refused(binary):
    refused(dense_vae(), "x holds 64 images and y 10; they must be pairs", binary, binary[:10])


def test_empty_inputs_are_refused(binary):
    refused(dense_vae(), "x holds no images", binary[:0])
    refused(dense_vae(), "empty", dataset(binary).take(0))


def test_evaluate_and_reconstruct_refuse_too(binary):
    model = dense_vae()
    model.compile()
    with pytest.raises(ValueError, match="Divide 8-bit images by 255"):
        model.evaluate(binary * 255, verbose=0)
    for use in (model.predict, model.encode, model.reconstruct):
        with pytest.raises(ValueError, match="must have shape"):
            use(binary[:, :4])
    with pytest.raises(ValueError, match=r"z must have shape \(N, 3\); received \(2, 5\)"):
        model.decode(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="no rows"):
        model.encode(binary[:0])
    with pytest.raises(ValueError, match="count must be an integer of at least 1"):
        model.sample(0)


def test_networks_that_do_not_fit_are_refused():
    vae, ae = dense_vae(), dense_ae()
    with pytest.raises(ValueError, match=r"encoder gives 3 numbers.*DiagonalNormal.*needs 6"):
        models.VAE(ae.encoder, ae.decoder)
    with pytest.raises(ValueError, match=r"encoder gives 6 numbers.*autoencoder.*needs 3"):
        models.Autoencoder(vae.encoder, vae.decoder)
    with pytest.raises(ValueError, match=r"DiscretizedLogistic likelihood needs \(8, 8, 2\)"):
        models.VAE(vae.encoder, vae.decoder, likelihood="discretized_logistic")
    with pytest.raises(ValueError, match=r"decoder gives \(8, 8, 1\) for images of \(9, 8, 1\)"):
        models.VAE(dense_vae(image_shape=(9, 8, 1)).encoder, vae.decoder)
    with pytest.raises(ValueError, match="encoder must be a functional or built Sequential"):
        models.VAE(keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)]), vae.decoder)


@pytest.mark.parametrize("options", [{"loss": "mse"}, {"metrics": ["mae"]}])
def test_foreign_loss_is_refused(options):
    with pytest.raises(ValueError, match="brings its own loss and trackers"):
        dense_vae().compile(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"likelihood": "bernouli"}, "Did you mean 'bernoulli'"),
        ({"prior": "standard"}, "Did you mean 'standard_normal'"),
        ({"posterior": "diag_normal"}, "Did you mean 'diagonal_normal'"),
        ({"objective": "elbow"}, "Did you mean 'elbo'"),
        ({"latent_dim": 0}, "latent_dim must be an integer of at least 1"),
        ({"image_shape": (8, 8)}, "image_shape must be"),
    ],
)
def test_unknown_choices_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        dense_vae(**options)


def test_unknown_builder_and_arguments_are_refused():
    with pytest.raises(ValueError, match="Did you mean 'conv_vae'"):
        models.build("conv_vea", image_shape=(8, 8, 1))
    with pytest.raises(ValueError, match="Did you mean 'filters'"):
        models.build("conv_vae", image_shape=(8, 8, 1), filter=(4,))
    with pytest.raises(ValueError, match="needs image_shape"):
        models.build("conv_vae")


def test_bind_fills_in_the_defaults():
    bound = models.bind("conv_vae", {"image_shape": (8, 8, 1)})
    assert bound["filters"] == (32, 64)
    assert bound["likelihood"] == "bernoulli"
    assert models.build("conv_vae", **bound).latent_dim == bound["latent_dim"]


@pytest.mark.parametrize("steps_per_execution", [1, pytest.param(4, marks=pytest.mark.shelf)])
def test_loss_that_becomes_nan_stops_the_training(grey, steps_per_execution):
    model = dense_ae()
    optimizer = keras.optimizers.SGD(1e20)
    model.compile(optimizer=optimizer, steps_per_execution=steps_per_execution)
    with pytest.raises(FloatingPointError, match=r"loss became .* in epoch 1, batch \d+.*learning"):
        model.fit(grey, batch_size=8, epochs=3, verbose=0)
    assert model.optimizer.iterations < 24


# ---- what a VAE gives -------------------------------------------------------------------------


def test_samples_are_reproduced_by_the_seed():
    model = dense_vae()
    images = model.sample(20, seed=7)
    assert images.shape == (20, 8, 8, 1)
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1
    np.testing.assert_array_equal(images, model.sample(20, seed=7))
    np.testing.assert_allclose(images, model.sample(20, seed=7, batch_size=6), atol=1e-6)
    assert (images != model.sample(20, seed=8)).any()
    assert (model.sample(20) != model.sample(20)).any()


def test_samples_are_decoded_draws_of_the_prior():
    model = dense_vae()
    wide = model.sample(4000, seed=1).mean(axis=0)
    codes = np.random.default_rng(0).standard_normal((4000, 3))
    np.testing.assert_allclose(wide, model.decode(codes).mean(axis=0), atol=0.05)


def test_three_distributions(binary):
    model = dense_vae()
    posterior, likelihood = model.posterior(binary), model.likelihood(np.zeros((5, 3), "float32"))
    assert (posterior.batch_shape, posterior.event_shape) == ((64,), (3,))
    assert (likelihood.batch_shape, likelihood.event_shape) == ((5,), (8, 8, 1))
    assert (model.prior.batch_shape, model.prior.event_shape) == ((), (3,))
    np.testing.assert_allclose(posterior.mean(), model.encode(binary), atol=1e-6)
    assert model.posterior(binary[..., 0]).batch_shape == (64,)


# By default one without weights and one with, each in another kind of model.
QUICK = {(dense_vae, "discretized_logistic"), (dense_ae, "normal")}


@pytest.mark.parametrize(
    ("make", "likelihood"),
    [
        pytest.param(make, name, marks=[] if (make, name) in QUICK else pytest.mark.shelf)
        for make in (dense_ae, dense_vae)
        for name in sorted(likelihoods.FAMILIES)
    ],
)
def test_every_likelihood_trains(make, likelihood, grey, binary, tmp_path):
    model = make(likelihood=likelihood, image_shape=(8, 8, 1))
    model.compile(optimizer=keras.optimizers.Adam(3e-3))
    images = binary if likelihood == "bernoulli" else np.round(grey * 255) / 255
    loss = model.fit(images, epochs=6, batch_size=16, verbose=0).history["loss"]
    assert loss[-1] < loss[0]
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.reconstruct(images), model.reconstruct(images), atol=1e-6)
    for mine, theirs in zip(model.get_weights(), again.get_weights()):
        np.testing.assert_array_equal(mine, theirs)


# ---- seams ------------------------------------------------------------------------------------


@keras.saving.register_keras_serializable(package="test")
class Mixture(priors.Prior):
    """A user's prior: a mixture with weights of its own, and no closed form of the rate."""

    def build_for(self, latent_dim):
        super().build_for(latent_dim)
        start = keras.initializers.RandomNormal(seed=1)
        self.means = self.add_weight(shape=(4, latent_dim), initializer=start, name="means")

    def distribution(self):
        parts = tfd.Independent(tfd.Normal(tf.convert_to_tensor(self.means), 1.0), 1)
        return tfd.MixtureSameFamily(tfd.Categorical(logits=tf.zeros(4)), parts)


@pytest.mark.shelf
def test_prior_of_a_user_trains_saves_and_samples(binary, tmp_path):
    model = dense_vae(prior=Mixture())
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    before = np.array(model.prior_family.means)
    loss = model.fit(binary, epochs=6, batch_size=16, verbose=0).history["loss"]
    assert loss[-1] < loss[0]
    assert np.abs(np.array(model.prior_family.means) - before).max() > 1e-3
    assert model.sample(5, seed=1).shape == (5, 8, 8, 1)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.sample(5, seed=1), model.sample(5, seed=1), atol=1e-6)


def test_networks_of_a_user_drop_in(binary):
    layers = keras.layers
    encoder = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(4)]
    )
    code = keras.Input((2,))
    hidden = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(64)(code)))
    decoder = keras.Model(code, layers.Reshape((8, 8, 1))(hidden))
    model = models.VAE(encoder, decoder)
    model.compile()
    history = model.fit(binary, epochs=2, verbose=0, validation_data=binary).history
    assert np.isfinite(history["val_loss"]).all()
    np.testing.assert_array_equal(model.reconstruct(binary), model.reconstruct(binary))
    moving = decoder.layers[2].moving_mean
    assert np.abs(np.array(moving)).max() > 0  # training=True reaches the layers


def test_learned_scale_of_a_likelihood_trains_with_the_model(grey):
    model = dense_ae(likelihood="normal")
    assert any("log_scale" in v.path for v in model.trainable_variables)
    model.compile(optimizer=keras.optimizers.Adam(1e-2))
    before = float(model.likelihood_family.scale)
    model.fit(grey, epochs=2, verbose=0)
    assert float(model.likelihood_family.scale) != before


@pytest.mark.shelf
def test_seeded_training_is_reproduced(binary):
    def weights():
        keras.utils.set_random_seed(11)
        model = dense_vae()
        model.compile()
        model.fit(binary, epochs=2, batch_size=16, verbose=0)
        return model.get_weights()

    for mine, theirs in zip(weights(), weights()):
        np.testing.assert_array_equal(mine, theirs)


def test_the_two_networks_may_differ_in_size():
    sizes = {"encoder": (16, 12), "decoder": (6,)}
    vae = models.dense_vae((8, 8, 1), 3, hidden_units=sizes)
    units = [
        [layer.units for layer in network.layers if isinstance(layer, keras.layers.Dense)]
        for network in (vae.encoder, vae.decoder)
    ]
    assert units == [[16, 12, 6], [6, 64]]
    with pytest.raises(ValueError, match=r"hidden_units must be .* received a dict of \['decode'"):
        models.dense_vae((8, 8, 1), 3, hidden_units={"decode": (6,)})
