"""The pages of docs/ that programs of benchmarks/ write say what their records say."""

import json
import re

import pytest

from benchmarks import autoencoder_or_vae, density, density_table, disentanglement
from keras_vae import zoo


def test_autoencoder_or_vae_is_made_of_its_record():
    page = autoencoder_or_vae.PAGE.read_text(encoding="utf-8")
    record = json.loads(autoencoder_or_vae.RECORD.read_text(encoding="utf-8"))
    assert set(record) == {str(size) for size in autoencoder_or_vae.SIZES}
    for found in record.values():
        assert set(found) == {"PCA", *autoencoder_or_vae.KINDS}
    assert autoencoder_or_vae.replaced(page, record) == page
    assert page.count("| VAE ") == 6


@pytest.mark.parametrize("kind", autoencoder_or_vae.KINDS)
def test_the_models_differ_in_what_is_said_of_the_code_alone(kind):
    first, other = (autoencoder_or_vae.recipe_of(name, 2) for name in ("AE", kind))
    assert (first.epochs, first.batch_size, first.data) == (other.epochs, 128, "mnist")
    assert first.arguments["likelihood"] == other.arguments["likelihood"] == "bernoulli"


def test_density_is_made_of_its_record():
    page = density.PAGE.read_text(encoding="utf-8")
    record = json.loads(density.RECORD.read_text(encoding="utf-8"))
    assert density_table.replaced(page, record) == page
    for name, told in record["entries"].items():
        assert told["nll_nats"] == zoo.info(name)["numbers"]["nll_nats"], name
        assert told["parameters"] == zoo.info(name)["parameters"], name
    shown = {name for name in zoo.names() if name in page}
    assert shown == set(record["entries"])


def test_what_was_published_is_among_ours_in_the_order_of_the_nats():
    record = json.loads(density.RECORD.read_text(encoding="utf-8"))
    lines = density_table.table(record, "dynamic").splitlines()[2:]
    nats = [float(re.findall(r"\d+\.\d\d", line.split("|")[3])[-1]) for line in lines]
    assert nats == sorted(nats, reverse=True)
    assert len(lines) == len(density_table.PUBLISHED["dynamic"]) + sum(
        told["binarisation"] == "dynamic" for told in record["entries"].values()
    )


def test_disentanglement_is_made_of_its_record_and_of_the_shelf():
    page = disentanglement.PAGE.read_text(encoding="utf-8")
    record = json.loads(disentanglement.RECORD.read_text(encoding="utf-8"))
    assert disentanglement.replaced(page, record) == page
    for name in disentanglement.ENTRIES:
        assert set(record[name]) == {str(seed) for seed in disentanglement.SEEDS}
        numbers = zoo.info(name)["numbers"]
        assert record[name]["0"] == {key: numbers[key] for key in disentanglement.SCORES}


def test_a_penalty_on_the_total_correlation_disentangles_with_every_seed():
    record = json.loads(disentanglement.RECORD.read_text(encoding="utf-8"))
    plain, penalised = (record[name] for name in disentanglement.ENTRIES)
    for seed, numbers in penalised.items():
        assert numbers["mig"] > 2 * plain[seed]["mig"]
