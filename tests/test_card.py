"""The card and the table: every number comes from the metadata, with its unit and its samples."""

import copy
import re

import pytest
import yaml

from keras_vae.zoo import card, entry


@pytest.fixture
def metadata(tiny_entry):
    told = copy.deepcopy(entry.metadata(tiny_entry))
    told["numbers"].update(nll_nats=18.257, active_units=2, mse=0.012344, images=300)
    told["training"]["seconds"] = 18.4
    return told


@pytest.fixture
def autoencoder(metadata):
    numbers = {"images": 300, "distortion_nats": -60.5, "mse": 0.0123, "psnr_db": 19.1}
    return {
        **metadata,
        "name": "dense_ae_tiny",
        "kind": "Autoencoder",
        "numbers": {**numbers, "active_units": 3, "pca_mse": 0.0247},
        "expected": {},
        "tolerance": {},
    }


class TestDigest:
    def test_changes_with_any_number(self, metadata):
        before = card.digest(metadata)
        metadata["numbers"]["rate_nats"] += 1e-9
        assert card.digest(metadata) != before

    def test_does_not_depend_on_order_or_checksums(self, metadata):
        turned = dict(reversed(metadata.items()))
        turned["sha256"] = {"README.md": "another"}
        assert card.digest(turned) == card.digest(metadata)


class TestFrontMatter:
    """What Hugging Face reads of a model card."""

    def read(self, metadata):
        empty, front, page = card.render(metadata).split("---\n", 2)
        assert empty == ""
        assert page.startswith(f"\n# {metadata['name']}\n")
        return yaml.safe_load(front)

    def test_says_what_it_is_and_what_it_was_measured_at(self, metadata):
        front = self.read(metadata)
        assert front["license"] == "apache-2.0"
        assert front["library_name"] == "keras"
        assert front["pipeline_tag"] == "unconditional-image-generation"
        assert front["tags"] == ["variational-autoencoder", "tflite"]
        assert "datasets" not in front  # the digits are not on the Hub under a name of their own
        (index,) = front["model-index"]
        (result,) = index["results"]
        assert index["name"] == metadata["name"]
        assert result["task"]["type"] == front["pipeline_tag"]
        assert result["dataset"] == {"name": "digits", "type": "digits", "split": "test"}
        told = {metric["type"]: metric["value"] for metric in result["metrics"]}
        assert told == {key: metadata["numbers"][key] for key in told}
        assert {"nll_nats", "mse", "active_units"} <= set(told)

    def test_of_an_autoencoder_on_a_data_set_of_the_hub(self, autoencoder):
        front = self.read({**autoencoder, "data": {**autoencoder["data"], "name": "mnist"}})
        assert front["pipeline_tag"] == "image-feature-extraction"
        assert front["tags"] == ["autoencoder", "tflite"]
        assert front["datasets"] == ["ylecun/mnist"]

    def test_weights_of_own_pictures_are_not_ours_to_license(self, metadata):
        own = {**metadata["data"], "name": "holiday: 'best'", "folder": "../holiday"}
        front = self.read({**metadata, "data": own})
        assert "license" not in front
        assert front["model-index"][0]["results"][0]["dataset"]["name"] == "holiday: 'best'"


class TestRender:
    def test_numbers_have_units_and_sample_counts(self, metadata):
        page = card.render(metadata)
        assert (
            "| -log p(x), importance-sampled bound (nats per image) | 18.26 (2 samples) |" in page
        )
        assert "| active units | 2 of 3 |" in page
        assert "| mean squared error of reconstructions (per pixel) | 0.01234 |" in page
        assert "Measured on 300 test images, binarised by one Bernoulli draw per pixel." in page

    def test_every_labelled_number_is_on_it(self, metadata):
        page = card.render(metadata)
        for key in set(card.LABELS) & set(metadata["numbers"]):
            assert f"| {card.LABELS[key]} |" in page
        assert card.LABELS["pca_mse"] not in page

    def test_certificates_of_the_exported_files(self, metadata):
        assert "## On a device" not in card.render(metadata)
        row = {"kib": 2039.04, "nats_lost": 0.01234, "nats_lost_error": 0.004, "psnr_db": 51.26}
        row |= {"images": 2000, "microseconds_per_image": 271.4, "ops": 17}
        page = card.render({**metadata, "export": {"dynamic": row}})
        assert "| dynamic | 2,039.0 | +0.0123 ± 0.0040 | 51.3 | 271 | 17 |" in page
        assert "by how much the ELBO falls" in page
        assert "2,000 test images" in page

    def test_cost_and_command(self, metadata):
        page = card.render(metadata)
        assert "`keras-vae train dense_vae_tiny --output DIR`" in page
        assert "1 epochs" not in page
        assert "1 epoch over 1,297 images of 8x8x1 in batches of 32, 18 seconds on" in page
        metadata["training"].update(epochs=50, seconds=1810)
        assert "50 epochs over 1,297 images of 8x8x1 in batches of 32, 30 minutes on" in (
            card.render(metadata)
        )

    def test_expected_numbers(self, metadata):
        assert "A run should reach nll_nats 30 within 30." in card.render(metadata)
        metadata["expected"] = {}
        assert "A run should reach" not in card.render(metadata)

    def test_an_autoencoder_samples_as_well_and_has_no_nll(self, metadata, autoencoder):
        assert "model.sample(16, seed=7)" in card.render(metadata)
        page = card.render(autoencoder)
        assert "model.sample(16, seed=7)" in page
        assert "nll" not in page
        assert f"| {card.LABELS['pca_mse']} | 0.02470 |" in page

    def test_licence_and_limits(self, metadata):
        page = card.render(metadata)
        assert f"Data licence: {metadata['data']['licence']}." in page
        assert "Made for images like those of `digits`" in page

    def test_its_python_runs(self, metadata, tiny_entry, binary):
        page = card.render(metadata).replace('load("dense_vae_tiny")', f"load({str(tiny_entry)!r})")
        names = {"x": binary[:5]}
        exec(page.split("```python\n")[1].split("```")[0], names)
        assert names["images"].shape == (5, 8, 8, 1)

    def test_caption_says_what_the_originals_are(self, metadata):
        assert "test images of `digits`, binarised, each row" in card.render(metadata)
        metadata["data"]["binarize"] = None
        assert "test images of `digits`, each row" in card.render(metadata)

    def test_last_line_carries_the_digest(self, metadata):
        assert card.digest(metadata) in card.render(metadata).splitlines()[-1]


class TestTable:
    def test_one_row_an_entry_and_blanks_where_there_is_no_number(self, metadata, autoencoder):
        text = re.sub(" +", " ", card.table([metadata, autoencoder]))
        header, rule, vae, ae = text.splitlines()
        assert header.count("|") == rule.count("|") == vae.count("|") == ae.count("|")
        link = "[dense_vae_tiny](zoo/dense_vae_tiny/README.md)"
        parameters = f"{metadata['parameters']:,}"
        assert vae.startswith(f"| {link} | {parameters} | 3 | 18.26 (2) | ")
        assert vae.endswith(" | 0.01234 | | 18 seconds |")
        assert ae.endswith("| 3 | | | 0.01230 | 0.02470 | 18 seconds |")

    def test_a_page_without_markers_is_refused(self, metadata):
        with pytest.raises(ValueError, match="The page has no"):
            card.replace_table("# A page\n", [metadata])

    def test_replacing_twice_is_replacing_once(self, metadata, autoencoder):
        page = f"before\n{card.BEGIN}\n{card.END}\nafter\n"
        once = card.replace_table(page, [metadata, autoencoder])
        assert card.replace_table(once, [metadata, autoencoder]) == once
        assert once.startswith("before\n")
        assert once.endswith("after\n")


class TestReferences:
    @pytest.fixture
    def published(self, metadata):
        reference = {"numbers": {"nll_nats": 18.0, "mig": 0.25}, "source": "a paper, K = 2"}
        return {
            **metadata,
            "reference": reference,
            "numbers": {**metadata["numbers"], "mig": 0.2},
        }

    def test_one_row_a_number_and_worse_is_positive(self, published, autoencoder):
        text = re.sub(" +", " ", card.reference_table([autoencoder, published], links=""))
        _, _, *rows = text.splitlines()
        link = "[dense_vae_tiny](dense_vae_tiny/README.md)"
        assert rows == [
            f"| {link} | a paper, K = 2 | `nll_nats` | 18.26 | 18.00 | +0.26 |",
            f"| {link} | a paper, K = 2 | `mig` | 0.200 | 0.250 | +0.050 |",
        ]

    def test_a_page_may_have_them_or_not(self, published):
        plain = f"{card.BEGIN}\n{card.END}\n"
        assert "a paper" not in card.replace_table(plain, [published])
        page = plain + "\n".join(card.REFERENCES)
        once = card.replace_table(page, [published])
        assert "a paper" in once
        assert card.replace_table(once, [published]) == once
