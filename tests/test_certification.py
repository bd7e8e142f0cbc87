"""The certificate of an entry: its own data, every quantisation, kept where the card shows it."""

import numpy as np

from keras_vae import data, export, zoo
from keras_vae.zoo import certificates, entry


def test_calibration_and_test_images_are_those_of_the_recipe(tiny_entry, digits):
    validation = data.pixels(digits.validation, "dynamic", 0)
    np.testing.assert_array_equal(certificates.calibration_images(tiny_entry), validation)
    test = data.pixels(digits.test, "dynamic", 0)
    np.testing.assert_array_equal(certificates.held_out_images(tiny_entry), test)
    np.testing.assert_array_equal(certificates.held_out_images(tiny_entry, 20), test[:20])


def test_certify_keeps_every_file_of_an_entry(entry_copy):
    rows = certificates.certify(entry_copy)
    assert list(rows) == [quantize or "float32" for quantize in export.QUANTIZE]
    assert zoo.info(entry_copy)["export"] == rows
    entry.check(entry_copy)
    assert abs(rows["float32"]["nats_lost"]) < 1e-4
    # The weights that are published have no more bits than float16 keeps.
    assert rows["int8"]["psnr_db"] < rows["float16"]["psnr_db"] <= rows["float32"]["psnr_db"]
    assert all(row["images"] == 300 for row in rows.values())
    card = (entry_copy / "README.md").read_text()
    assert all(f"| {quantize} | " in card for quantize in rows)
