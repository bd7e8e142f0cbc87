"""What linear codes reach: the mark that a network has to pass."""

import numpy as np


def pca_mse(train_images, test_images, latent_dim):
    """What linear codes of the same size reach: PCA fitted on train, its error on test.

    Args:
        train_images: (N, H, W, C) in [0, 1].
        test_images: (M, H, W, C) in [0, 1].
        latent_dim: number of components.

    Returns:
        Mean squared error per pixel and channel.
    """
    from sklearn.decomposition import PCA

    flat = test_images.reshape(len(test_images), -1)
    pca = PCA(latent_dim, random_state=0).fit(train_images.reshape(len(train_images), -1))
    rebuilt = pca.inverse_transform(pca.transform(flat))
    return float(np.mean(np.square(flat - rebuilt), dtype="float64"))
