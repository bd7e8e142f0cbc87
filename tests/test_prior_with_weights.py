"""A prior that owns weights, wherever a model is made anew from its parts."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import data, evaluate, export, models, recipe, training, zoo
from keras_vae.distributions import likelihoods, priors, tfd
from keras_vae.export.graph.generator import normal
from keras_vae.export.runtime.runtimes import open_file

LATENTS = 3
QUICK = (None, True)  # the others with the shelf


@keras.saving.register_keras_serializable(package="test")
class LearnedNormal(priors.Prior):
    """A diagonal normal of learned mean and scale."""

    def build_for(self, latent_dim):
        super().build_for(latent_dim)
        self.loc = self.add_weight(shape=(latent_dim,), initializer="zeros", name="loc")
        self.log_scale = self.add_weight(shape=(latent_dim,), initializer="zeros", name="scale")

    def distribution(self):
        return tfd.Independent(tfd.Normal(self.loc + 0.0, tf.exp(self.log_scale)), 1)

    def from_noise(self, noise):
        return self.loc + tf.exp(self.log_scale) * noise

    def of_latents(self, indices):
        smaller = type(self)()
        smaller.build_for(len(indices))
        smaller.set_weights([weight[indices] for weight in self.get_weights()])
        return smaller


def vae(prior, **arguments):
    arguments = {"latent_dim": LATENTS, "hidden_units": (12,), **arguments}
    return models.dense_vae((8, 8, 1), prior=prior, **arguments)


def values(model):
    return [np.array(weight) for weight in model.prior_family.weights]


@pytest.fixture(scope="module")
def images():
    return data.pixels(data.load("digits").train, binarize="dynamic")[:128]


@pytest.fixture(scope="module")
def fitted(images):
    """A trained model; its prior is no longer the standard normal."""
    model = vae(LearnedNormal(), likelihood=likelihoods.Normal())
    model.compile(keras.optimizers.Adam(2e-2))
    model.fit(images, epochs=3, batch_size=16, verbose=0)
    assert np.abs(values(model)[0]).max() > 0.01
    return model


def test_weights_are_made_once(fitted):
    prior, before = fitted.prior_family, values(fitted)
    second = vae(prior)
    assert second.prior_family is prior
    assert len(prior.weights) == 2
    for ours, theirs in zip(values(second), before):
        np.testing.assert_array_equal(ours, theirs)


def test_a_code_of_another_size_is_refused(fitted):
    with pytest.raises(ValueError, match="codes of 3 numbers already; a code here has 5"):
        vae(fitted.prior_family, latent_dim=5)


def test_a_builder_by_name_takes_a_copy():
    prior = LearnedNormal()
    arguments = {"image_shape": (8, 8, 1), "latent_dim": LATENTS, "prior": prior}
    first, second = (models.build("dense_vae", **arguments) for _ in range(2))
    assert len({id(prior), id(first.prior_family), id(second.prior_family)}) == 3
    assert not prior.weights


@pytest.mark.parametrize(
    "way", ["finetune", pytest.param("quantization_aware", marks=pytest.mark.shelf)]
)
def test_int8_training_leaves_the_prior_and_can_be_saved(fitted, images, tmp_path, way):
    model = keras.models.clone_model(fitted)
    model.set_weights(fitted.get_weights())
    before, scale = values(model), float(model.likelihood_family.scale)
    if way == "finetune":
        export.finetune(model, images, epochs=1, learning_rate=1e-2, verbose=0)
        assert float(model.likelihood_family.scale) != scale  # it belongs to the decoder
    else:
        twin = export.quantization_aware(model)
        twin.compile(keras.optimizers.Adam(2e-2))
        twin.fit(images, epochs=1, verbose=0)
        assert np.abs(values(twin)[0] - before[0]).max() > 1e-4
    assert len(model.prior_family.weights) == 2
    for ours, theirs in zip(values(model), before):
        np.testing.assert_array_equal(ours, theirs)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again.sample(4, seed=1), model.sample(4, seed=1), atol=1e-6)


def test_a_recipe_trains_publishes_and_loads(tmp_path):
    prior = LearnedNormal()
    chosen = recipe.Recipe(
        name="learned",
        data="digits",
        builder="dense_vae",
        arguments={"latent_dim": LATENTS, "hidden_units": (12,), "prior": prior},
        binarize="dynamic",
        epochs=2,
        learning_rate=2e-2,
        ema_momentum=None,
        importance_samples=2,
    )
    run = training.run(chosen, tmp_path / "state", verbose=0)
    assert not prior.weights  # the recipe is as it was
    assert np.abs(values(run.model)[0]).max() > 1e-3
    again = zoo.load(zoo.publish(run, tmp_path / "learned"))
    for ours, theirs in zip(values(again), values(run.model)):
        np.testing.assert_array_equal(ours, theirs)
    numbers = evaluate.report(again, data.pixels(run.data.test, "dynamic", chosen.seed), 2)
    assert numbers["elbo_nats"] == pytest.approx(run.numbers["elbo_nats"], abs=1e-3)


@pytest.mark.parametrize(
    ("quantize", "smaller"),
    [
        pytest.param(q, s, marks=[] if (q, s) == QUICK else pytest.mark.shelf)
        for q in export.QUANTIZE
        for s in (False, True)
    ],
)
def test_every_signature_leaves(fitted, images, tmp_path, quantize, smaller):
    path, model = tmp_path / "model.tflite", fitted
    if smaller:
        rates = fitted.rate_by_latent(images)
        model = export.pruned(fitted, images, float(np.sort(rates)[1])).model
        assert model.latent_dim == LATENTS - 1
    options = {"calibration_images": images, "signatures": export.SIGNATURES}
    export.tflite(model, path, quantize, **options)
    seed = np.array([5], "int32")
    drawn = open_file(path.read_bytes(), "interpreter")("generate", seed=seed)["images"]
    z = model.prior_family.from_noise(normal(tf.constant(seed), model.latent_dim)).numpy()
    error = np.abs(drawn - model.decode(z)).max()
    assert error < {None: 1e-5, "float16": 0.01}.get(quantize, 0.1)


@pytest.mark.shelf
def test_generate_alone(fitted, tmp_path):
    path = tmp_path / "generate.tflite"
    assert export.tflite(fitted, path, signatures=("generate",)).signatures == ("generate",)
    seed = np.array([5], "int32")
    drawn = open_file(path.read_bytes(), "interpreter")("generate", seed=seed)["images"]
    z = fitted.prior_family.from_noise(normal(tf.constant(seed), LATENTS))
    np.testing.assert_allclose(drawn, fitted.decode(z), atol=1e-5)


def test_a_saved_model_samples_from_it(fitted, tmp_path):
    export.saved_model(fitted, tmp_path / "model")
    sample = tf.saved_model.load(str(tmp_path / "model")).signatures["sample"]
    images = sample(count=tf.constant(4), seed=tf.constant(7))["images"]
    np.testing.assert_allclose(images, fitted.sample(4, seed=7), atol=1e-5)
