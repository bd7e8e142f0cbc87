"""How far each latent of a code says one factor of the images: five scores of disentanglement."""

import numpy as np

from keras_vae.choice import LARGEST_SEED, whole

LEAST = 100  # images, below which nothing is told
BINS = 20  # of each latent, for the mutual information
TREES = 50  # each of which sees all latents: one that knows nothing has no importance
POINTS = 1000  # of a score by groups of images, half of them to learn from
GROUP = 64  # images, or pairs, behind each point
STILL = 1e-3  # of the widest latent's scale: a latent of less is not asked where nothing moves


def disentanglement(codes, factors, seed=0):
    """Scores codes of images whose factors are known, such as those of `data.load("shapes")`.

    A perfect code, a latent for each factor and no other, has 1 in all scores but `sap`; a code
    without relation to the factors 0 in `mig`, and chance in what is an accuracy. Rotations show
    what a score is about: the five factors of `shapes`, one latent each, standardised and turned by
    random rotations, keep all information and lose their axes. The means over ten rotations are
    given below, "turned".

    Args:
        codes: (N, D), N at least 100; of a VAE its posterior means, `model.encode(images)`.
        factors: (N, K) integers, the classes of each factor; `data.load("shapes").test.factors`.
            The scores of groups take theirs from among these images: images that share the value of
            one factor while the others vary, as they do where all combinations are equally likely.
        seed: of the splits, the trees and the groups.

    Returns:
        dict, all in [0, 1], higher is better:

        mig: mutual information gap (arXiv 1802.04942): by how much the latent that knows most of a
            factor knows more than the second, in parts of the factor's entropy, the mean over
            factors. Latents in 20 bins of equal width. Turned: 0.17.
        dci_disentanglement: how far a latent matters for one factor alone, by the importances of
            random forests (Eastwood & Williams, ICLR 2018), weighted by what the latent matters.
            Turned: 0.13.
        dci_completeness: how far a factor is told by one latent alone. Turned: 0.14.
        dci_informativeness: accuracy of the forests on the other half of the images, the mean over
            factors. Turned: 0.66.
        sap: separated attribute predictability (arXiv 1711.00848): by how much the best latent
            classifies a factor better than the second, by as many intervals as the factor has
            values; balanced accuracy on the other half. A perfect code has the mean of
            1 - 1 / (number of values), 0.83 for `shapes`. Turned: 0.11.
        beta_vae_score: accuracy of a linear classifier that is told the mean absolute difference of
            64 pairs which share one factor, and asked for which (Higgins et al., 2017). Turned:
            0.92: it hardly sees axes.
        factor_vae_score: the same of the latent which varies least within 64 images that share one
            factor, by majority vote (arXiv 1802.05983). Turned: 0.81.

    Raises:
        ValueError: other shapes, too few images, codes that are not finite, or a factor that has a
            single value or one for nearly every image.
    """
    codes, factors = _checked(codes, factors)
    random = np.random.default_rng(whole("seed", seed, 0, LARGEST_SEED))
    halves = np.array_split(random.permutation(len(codes)), 2)
    importances, informativeness = _importances(codes, factors, halves, seed)
    of_latents = importances / np.maximum(importances.sum(axis=1, keepdims=True), 1e-12)
    weights = importances.sum(axis=1) / max(importances.sum(), 1e-12)
    return {
        "mig": float(np.mean([_gap(row) for row in _information(codes, factors)])),
        "dci_disentanglement": float(weights @ _certainty(of_latents)),
        "dci_completeness": float(_certainty(importances.T).mean()),
        "dci_informativeness": informativeness,
        "sap": float(np.mean([_gap(row) for row in _separated(codes, factors, halves)])),
        "beta_vae_score": _beta_vae_score(codes, factors, random),
        "factor_vae_score": _factor_vae_score(codes, factors, random),
        "images": len(codes),
    }


def _checked(codes, factors):
    """(N, D) float64, and (N, K) classes counted from 0."""
    codes, factors = np.asarray(codes, "float64"), np.asarray(factors)
    alike = codes.ndim == factors.ndim == 2 and len(codes) == len(factors)
    if not alike or factors.dtype.kind not in "iu" or len(codes) < LEAST:
        raise ValueError(
            f"codes must be (N, D) and factors (N, K) integers, N at least {LEAST}; received "
            f"{codes.shape} and {factors.dtype} {factors.shape}."
        )
    if not np.isfinite(codes).all():
        raise ValueError("codes hold values that are NaN or infinite.")
    for k, column in enumerate(factors.T):
        values = len(np.unique(column))
        if not 2 <= values <= len(column) // 4:
            raise ValueError(
                f"Factor {k} has {values} values in {len(column)} images; it needs 2 or more, and "
                "4 images for each. Leave the column out, or give more images."
            )
    classes = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in factors.T]
    return codes, np.stack(classes, axis=1)


def _gap(values):
    """The largest less the second; a code of one latent has no second, which then is 0."""
    second, first = np.sort(np.append(values, 0.0))[-2:]
    return first - second


def _certainty(shares):
    """1 less the entropy of each row of (R, S) shares, in parts of log S."""
    if shares.shape[1] == 1:
        return np.ones(len(shares))
    logs = np.log(np.where(shares > 0, shares, 1.0))
    return 1 + (shares * logs).sum(axis=1) / np.log(shares.shape[1])


def _information(codes, factors):
    """(K, D) mutual information of factor and binned latent, in parts of the factor's entropy."""
    from sklearn.metrics import mutual_info_score

    binned = []
    for latent in codes.T:
        edges = np.linspace(latent.min(), latent.max(), BINS + 1)[1:-1]
        binned.append(np.digitize(latent, edges))
    rows = [[mutual_info_score(factor, latent) for latent in binned] for factor in factors.T]
    entropies = [mutual_info_score(factor, factor) for factor in factors.T]
    return np.array(rows) / np.array(entropies)[:, None]


def _importances(codes, factors, halves, seed):
    """(D, K) importances, which add up to 1 over the latents, and the held-out accuracy."""
    from sklearn.ensemble import RandomForestClassifier

    learn, ask = halves
    columns, right = [], []
    for factor in factors.T:
        forest = RandomForestClassifier(TREES, max_features=None, random_state=seed)
        forest.fit(codes[learn], factor[learn])
        columns.append(forest.feature_importances_)
        right.append(forest.score(codes[ask], factor[ask]))
    return np.stack(columns, axis=1), float(np.mean(right))


def _separated(codes, factors, halves):
    """(K, D) balanced accuracy of each latent alone, cut into intervals, on the second half."""
    from sklearn.tree import DecisionTreeClassifier

    learn, ask = halves
    scores = np.zeros((factors.shape[1], codes.shape[1]))
    for k, factor in enumerate(factors.T):
        values = factor.max() + 1
        for j in range(codes.shape[1]):
            tree = DecisionTreeClassifier(
                max_leaf_nodes=values, class_weight="balanced", random_state=0
            )
            found = tree.fit(codes[learn][:, [j]], factor[learn]).predict(codes[ask][:, [j]])
            right = np.bincount(factor[ask], weights=found == factor[ask], minlength=values)
            asked = np.bincount(factor[ask], minlength=values)
            scores[k, j] = np.mean(right[asked > 0] / asked[asked > 0])
    return scores


def _sharing(factor, random, shape):
    """Groups of images that share the value of a factor.

    Args:
        factor: (N,) classes from 0.
        random: NumPy generator.
        shape: (groups, images of a group).

    Returns:
        `shape` indices of images; a value is chosen as often as it is there.
    """
    order = np.argsort(factor, kind="stable")
    counts = np.bincount(factor)
    first = np.cumsum(counts) - counts
    value = factor[random.integers(len(factor), size=shape[0])][:, None]
    return order[first[value] + (random.random(shape) * counts[value]).astype(int)]


def _beta_vae_score(codes, factors, random):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    asked = random.integers(factors.shape[1], size=POINTS)
    points = np.empty((POINTS, codes.shape[1]))
    for k, factor in enumerate(factors.T):
        groups = np.flatnonzero(asked == k)
        pairs = _sharing(factor, random, (len(groups) * GROUP, 2))
        apart = np.abs(codes[pairs[:, 0]] - codes[pairs[:, 1]])
        points[groups] = apart.reshape(len(groups), GROUP, -1).mean(axis=1)
    half = POINTS // 2
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(linear.fit(points[:half], asked[:half]).score(points[half:], asked[half:]))


def _factor_vae_score(codes, factors, random):
    scales = codes.std(axis=0)
    moving = scales > STILL * scales.max()
    if not moving.any():
        return 1 / factors.shape[1]
    codes = codes[:, moving] / scales[moving]
    asked = random.integers(factors.shape[1], size=POINTS)
    least = np.empty(POINTS, int)
    for k, factor in enumerate(factors.T):
        groups = np.flatnonzero(asked == k)
        within = codes[_sharing(factor, random, (len(groups), GROUP))]  # (groups, GROUP, D)
        least[groups] = within.var(axis=1).argmin(axis=1)
    half = POINTS // 2
    votes = np.zeros((codes.shape[1], factors.shape[1]), int)
    np.add.at(votes, (least[:half], asked[:half]), 1)
    return float(np.mean(votes.argmax(axis=1)[least[half:]] == asked[half:]))
