"""The images that calibrate and judge the files of an entry; a data set is read once a process."""

from keras_vae import zoo
from keras_vae.zoo import certificates

_read = {}


def of_entry(name):
    """What `certificates` gives of an entry: calibration images, and held-out ones."""
    told = zoo.info(name)
    data = told["data"]
    key = (data["name"], tuple(data["image_shape"]), data["binarize"], told["training"]["seed"])
    if key not in _read:
        _read[key] = certificates.calibration_images(name), certificates.held_out_images(name)
    return _read[key]
