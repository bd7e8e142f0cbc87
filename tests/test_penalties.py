"""Penalties of a code against NumPy, and the Jacobians that they estimate against exact ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_vae import data, models, penalties, recipe, training

KEY = tf.constant([1, 2])
SMALL = {"image_shape": (8, 8, 1), "latent_dim": 3, "hidden_units": (16,), "activation": "tanh"}


@pytest.fixture(scope="module")
def model():
    return models.dense_ae(**SMALL)


def cost(penalty, model, images):
    images = tf.constant(images)
    return penalty.of(model, images, model.code(model.encoder(images)), KEY).numpy()


def test_norms(model, grey):
    z = model.encode(grey)
    norms = sum(np.sum(np.square(w)) for w in model.decoder.get_weights())
    expected = 2.0 * 0.5 * np.sum(z**2, axis=1) + 0.01 * norms
    np.testing.assert_allclose(cost(penalties.L2(2.0, 0.01), model, grey), expected, rtol=1e-4)
    expected = 3.0 * np.abs(z).sum(axis=1)
    np.testing.assert_allclose(cost(penalties.Sparse(3.0), model, grey), expected, rtol=1e-4)


def test_sparsity_is_the_kl_of_coins(model, grey):
    from scipy.special import expit, rel_entr

    on = expit(model.encode(grey)).mean(axis=0)
    expected = 2.0 * np.sum(rel_entr(0.1, on) + rel_entr(0.9, 1 - on))
    np.testing.assert_allclose(cost(penalties.Sparse(2.0, 0.1), model, grey), expected, rtol=1e-4)


def test_jacobians_are_estimated_without_bias(model, grey):
    x = tf.constant(grey[:2])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        z = model.encoder(x)
        means = model.likelihood_family.mean(model.decoder(z))
    exact = {
        penalties.Contractive(1.0): tape.batch_jacobian(z, x),
        penalties.GradientPenalty(0.0, 1.0): tape.batch_jacobian(means, z),
    }
    many = tf.repeat(x, 4000, axis=0)
    for penalty, jacobian in exact.items():
        found = cost(penalty, model, many).reshape(2, -1)
        error = found.std(axis=1) / np.sqrt(found.shape[1])
        expected = np.square(jacobian.numpy()).reshape(2, -1).sum(axis=1)
        assert np.all(np.abs(found.mean(axis=1) - expected) < 4 * error)
        assert np.all(error < 0.03 * expected)


def test_each_is_chosen_trained_saved_and_drawn_from(grey, tmp_path):
    for name in penalties.FAMILIES:
        model = models.dense_ae(**SMALL, penalty=name)
        model.compile(keras.optimizers.Adam(1e-2))
        told = model.fit(grey, epochs=3, verbose=0).history
        assert told["loss"][-1] < told["loss"][0]
        assert told["loss"][-1] > told["distortion"][-1]
        if name not in ("gradient_penalty", "sparse"):
            continue
        model.fit_prior(grey)
        model.save(tmp_path / "m.keras")
        again = keras.saving.load_model(tmp_path / "m.keras")
        assert repr(again.penalty) == repr(model.penalty) in again.purpose
        np.testing.assert_allclose(again.sample(3, seed=1), model.sample(3, seed=1), atol=1e-6)


def test_contraction_contracts(grey):
    sizes = {}
    for weight in (0.0, 10.0):
        keras.utils.set_random_seed(0)
        model = models.dense_ae(**SMALL, penalty=penalties.Contractive(weight))
        model.compile(keras.optimizers.Adam(1e-2))
        model.fit(grey, epochs=20, verbose=0)
        sizes[weight] = cost(penalties.Contractive(1.0), model, grey).mean()
    assert sizes[10.0] < 0.5 * sizes[0.0]


def test_unknown_names_and_numbers_are_refused():
    with pytest.raises(ValueError, match=r"Unknown penalty 'l1'.*Choose one of \['l2'"):
        models.dense_ae(**SMALL, penalty="l1")
    with pytest.raises(ValueError, match="weight must be a finite number of at least 0"):
        penalties.L2(-1)
    with pytest.raises(ValueError, match=r"rho must be in \(0, 1\)"):
        penalties.Sparse(rho=1.0)


# ---- denoising -------------------------------------------------------------------------------


def test_corrupted_batches_are_pairs(digits):
    clean = data.pixels(digits.train)[:500]
    part = data.Split("train", digits.train.images[:500])
    x, y = next(iter(data.batches(part, 500, corruption={"masking": 0.25})))
    np.testing.assert_array_equal(y, clean)
    on = clean > 0
    assert np.mean(x.numpy()[on] == 0) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(x.numpy()[x > 0], clean[x > 0])
    x, y = next(iter(data.batches(part, 500, corruption={"noise": 0.1}, seed=1)))
    inside = (clean > 0.4) & (clean < 0.6)
    assert np.std((x - y).numpy()[inside]) == pytest.approx(0.1, rel=0.05)
    assert 0 <= x.numpy().min() < x.numpy().max() <= 1


@pytest.mark.parametrize("wrong", ["noise", {}, {"blur": 1.0}, {"masking": 1.0}, {"noise": -1}])
def test_other_corruptions_are_refused(digits, wrong):
    with pytest.raises(ValueError, match="corruption"):
        data.batches(digits.train, 5, corruption=wrong)
    with pytest.raises(ValueError, match="choose one"):
        data.batches(digits.train, 5, corruption={"noise": 0.1}, labels=True)


def test_a_recipe_denoises_and_penalises(tmp_path):
    told = {"data": "digits", "builder": "dense_ae", "epochs": 1, "corruption": {"noise": 0.3}}
    arguments = {"latent_dim": 3, "hidden_units": (12,), "penalty": "l2"}
    chosen = recipe.Recipe(name="dense_ae_noisy", arguments=arguments, **told)
    run = training.run(chosen, tmp_path / "states", verbose=0)
    assert isinstance(run.model.penalty, penalties.L2)
    assert run.model.can_sample
    clean = recipe.Recipe(
        name="dense_ae_noisy", arguments=arguments, **{**told, "corruption": None}
    )
    with pytest.raises(ValueError, match=r"corruption is None here and \{'noise': 0.3\} there"):
        training.run(clean, tmp_path / "states", verbose=0)
    with pytest.raises(ValueError, match="corruption must be None or a dict"):
        recipe.Recipe(name="x", **{**told, "corruption": {"salt": 1}})
