"""The card of an entry and the table of the shelf: Markdown out of metadata, nothing by hand."""

import functools
import hashlib
import json
from pathlib import Path

from keras_vae import collapse, tables

BEGIN, END = "<!-- zoo table: generated -->", "<!-- end of zoo table -->"
REFERENCES = "<!-- reference table: generated -->", "<!-- end of reference table -->"
LABELS = {
    "nll_nats": "-log p(x), importance-sampled bound (nats per image)",
    "nll_1000_samples_nats": "the same bound of the first 1,000 samples (nats per image)",
    "elbo_nats": "ELBO (nats per image)",
    "distortion_nats": "distortion (nats per image)",
    "rate_nats": "rate (nats per image)",
    "marginal_kl_nats": "of the rate, what a better prior would save at least (nats per image)",
    "mutual_information_nats": "of the rate, what codes tell of images at most (nats per image)",
    "total_correlation_nats": "total correlation of the latents (nats)",
    "bits_per_dim": "bits per dimension",
    "active_units": "active units",
    "mse": "mean squared error of reconstructions (per pixel)",
    "pca_mse": "the same of PCA with as many components",
    "psnr_db": "PSNR of reconstructions (dB)",
    "ssim": "SSIM of reconstructions",
    "frechet_distance": "Frechet distance of samples to test images (features of MNIST; no FID)",
    "kernel_distance": "kernel distance of the same features",
    "precision": "samples among the test images (precision)",
    "recall": "test images among the samples (recall)",
    "density": "density of test images around samples",
    "coverage": "test images with a sample beside them (coverage)",
    "mig": "mutual information gap (MIG)",
    "dci_disentanglement": "DCI disentanglement",
    "dci_completeness": "DCI completeness",
    "dci_informativeness": "DCI informativeness",
    "sap": "SAP",
    "beta_vae_score": "beta-VAE score",
    "factor_vae_score": "FactorVAE score",
}
HIGHER_IS_BETTER = {
    "elbo_nats",
    "psnr_db",
    "ssim",
    "precision",
    "recall",
    "density",
    "coverage",
    "mig",
    "dci_disentanglement",
    "dci_completeness",
    "dci_informativeness",
    "sap",
    "beta_vae_score",
    "factor_vae_score",
}
# Words of Hugging Face: tasks and tags by the kind of a model, data sets by our names of them.
TASKS = {"Autoencoder": "image-feature-extraction"}
TAGS = {"VAE": "variational-autoencoder"}
HUB_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion_mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
}


def digest(metadata):
    """SHA-256 of everything in the metadata but the checksums of the files."""
    content = {key: value for key, value in metadata.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def render(metadata):
    """The card, README.md of an entry: `card.md.jinja` filled in.

    Args:
        metadata: dict of metadata.json.

    Returns:
        Markdown behind the front matter of Hugging Face's model cards; its last line carries the
        digest of the metadata.
    """
    data, kind = metadata["data"], metadata["kind"]
    return _template().render(
        {"export": None, **metadata},
        task=TASKS.get(kind, "unconditional-image-generation"),
        tag=TAGS.get(kind, kind.lower()),
        # What somebody makes of pictures of their own is theirs to license.
        licence_of_weights=None if "folder" in data else "apache-2.0",
        hub_dataset=HUB_DATASETS.get(data["name"]),
        below="" if metadata["latent_dim"] is None else ", each row with its reconstructions below",
        measured=_measured(metadata),
        hardly_used=_hardly_used(metadata),
        remedy=collapse.REMEDY,
        duration=_duration(metadata["training"]["seconds"]),
        digest=digest(metadata),
    )


@functools.cache
def _template():
    import jinja2  # here: who loads an entry reads its card and writes none

    place = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(
        loader=place,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,  # metadata that lacks something must not look complete
    )
    return environment.get_template("card.md.jinja")


def table(entries, links="zoo/"):
    """The table of the shelf.

    Args:
        entries: metadata dicts.
        links: what stands before an entry's name in the link to its card.

    Returns:
        Markdown table, one row an entry, ending in a newline.
    """
    heads = ["entry", "parameters", "code", "nll, nats (K)", "ELBO, nats", "mse", "PCA's mse"]
    rows = [
        [
            f"[{entry['name']}]({links}{entry['name']}/README.md)",
            f"{entry['parameters']:,}",
            str(entry["latent_dim"] or ""),
            _nll(entry["numbers"]),
            _cell(entry["numbers"], "elbo_nats", ".2f"),
            _cell(entry["numbers"], "mse", ".5f"),
            _cell(entry["numbers"], "pca_mse", ".5f"),
            _duration(entry["training"]["seconds"]),
        ]
        for entry in entries
    ]
    return tables.markdown([*heads, "training"], rows)


def reference_table(entries, links="zoo/"):
    """What entries reach beside what was published for the same data and network.

    Args:
        entries: metadata dicts, some of which have a "reference".
        links: see `table`.

    Returns:
        Markdown table, one row a number, ending in a newline.
    """
    heads = ["entry", "reference", "number", "obtained", "reference", "worse by"]
    rows = []
    for entry in entries:
        reference = entry.get("reference", {"numbers": {}})
        for key, value in reference["numbers"].items():
            obtained = entry["numbers"][key]
            worse = (value - obtained) if key in HIGHER_IS_BETTER else (obtained - value)
            digits = ".2f" if key.endswith("nats") else ".3f"
            name = f"[{entry['name']}]({links}{entry['name']}/README.md)"
            shown = [format(x, digits) for x in (obtained, value)]
            rows.append(
                [name, reference["source"], f"`{key}`", *shown, format(worse, "+" + digits)]
            )
    return tables.markdown(heads, rows, words=3)


def replace_table(page, entries, links="zoo/"):
    """A page with the table of the shelf, or that of the references, or both, made anew.

    Raises:
        ValueError: the page has no place for either.
    """
    places = {(BEGIN, END): table, REFERENCES: reference_table}
    found = [place for place in places if place[0] in page and place[1] in page]
    if not found:
        raise ValueError(f"The page has no {BEGIN!r} ... {END!r} to put the table between.")
    for begin, end in found:
        page = tables.placed(page, begin, end, places[begin, end](entries, links))
    return page


def _hardly_used(metadata):
    """What shows that few latents are active, or that the rate is low; or None."""
    if metadata["latent_dim"] is None:
        return None
    numbers = metadata["numbers"]
    return collapse.describe(
        metadata["latent_dim"], numbers.get("active_units"), numbers.get("rate_nats")
    )


def _measured(metadata):
    """(key, what a reader calls it, the number as text) of each number that was measured."""
    labels = LABELS
    if "importance_samples" not in metadata["numbers"]:
        labels = {**LABELS, "nll_nats": "-log p(x), exact (nats per image)"}
    known = {key: label for key, label in labels.items() if key in metadata["numbers"]}
    return [(key, label, _number(metadata, key)) for key, label in known.items()]


def _number(metadata, key):
    value = metadata["numbers"][key]
    if key == "nll_nats":
        samples = metadata["numbers"].get("importance_samples")
        return f"{value:.2f}" if samples is None else f"{value:.2f} ({samples:,} samples)"
    if key == "active_units":
        return f"{value} of {metadata['latent_dim']}"
    return f"{value:.5f}" if key.endswith("mse") else f"{value:.4g}"


def _nll(numbers):
    """The bound with its number of importance samples: without it, it cannot be compared."""
    if "nll_nats" not in numbers:
        return ""
    samples = numbers.get("importance_samples")
    return f"{numbers['nll_nats']:.2f} ({'exact' if samples is None else f'{samples:,}'})"


def _cell(numbers, key, form):
    return format(numbers[key], form) if key in numbers else ""


def _duration(seconds):
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"
