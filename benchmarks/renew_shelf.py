"""Makes anew what the entries of the shelf say of their weights: cards, pictures, examples, hashes.

Weights, numbers and recipes stay as they are. The data of the entries must be at hand
(`TFDS_DATA_DIR`).

    python benchmarks/renew_shelf.py [NAME ...]
"""

import sys

from keras_vae import zoo

for name in sys.argv[1:] or zoo.names():
    print(zoo.renew(name).name, flush=True)
zoo.write_index()
