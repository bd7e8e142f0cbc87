"""The card of an entry and the table of the shelf: Markdown out of metadata, nothing by hand."""

import hashlib
import json

from keras_vae import collapse

BEGIN, END = "<!-- zoo table: generated -->", "<!-- end of zoo table -->"
LABELS = {
    "nll_nats": "-log p(x), importance-sampled bound (nats per image)",
    "elbo_nats": "ELBO (nats per image)",
    "distortion_nats": "distortion (nats per image)",
    "rate_nats": "rate (nats per image)",
    "bits_per_dim": "bits per dimension",
    "active_units": "active units",
    "mse": "mean squared error of reconstructions (per pixel)",
    "pca_mse": "the same of PCA with as many components",
    "psnr_db": "PSNR of reconstructions (dB)",
}


def digest(metadata):
    """SHA-256 of everything in the metadata but the checksums of the files."""
    content = {key: value for key, value in metadata.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def render(metadata):
    """The card, README.md of an entry.

    Args:
        metadata: dict of metadata.json.

    Returns:
        Markdown; its last line carries the digest of the metadata.
    """
    name, training, data = metadata["name"], metadata["training"], metadata["data"]
    shape = "x".join(str(size) for size in data["image_shape"])
    binarized = ", binarised by one Bernoulli draw per pixel" if data["binarize"] else ""
    below = "" if metadata["latent_dim"] is None else ", each row with its reconstructions below"
    lines = [
        f"# {name}",
        "",
        metadata["purpose"],
        "",
        f"![left: samples; right: test images{below}](samples.png)",
        "",
        f"Left: samples. Right: test images of `{data['name']}`"
        f"{', binarised' if binarized else ''}{below}.",
        "",
        "## Use",
        "",
        "```python",
        "import keras_vae",
        "",
        f'model = keras_vae.zoo.load("{name}")',
        f"images = model.sample(16, seed=7)     # (16, {shape.replace('x', ', ')}) in [0, 1]",
    ]
    if metadata["latent_dim"] is not None:
        lines.append(f"images = model.reconstruct(x)         # x: (N, {shape.replace('x', ', ')})")
    lines += [
        "```",
        "",
        "## Numbers",
        "",
        f"Measured on {metadata['numbers']['images']:,} test images{binarized}.",
        "",
        "| number | value |",
        "|---|---|",
        *(f"| {label} | {_number(metadata, key)} |" for key, label in _numbers(metadata)),
        _parameters(metadata),
        "",
        *_hardly_used(metadata),
        *_on_a_device(metadata),
        "## Training",
        "",
        f"`keras-vae train {name} --output DIR` repeats it from [recipe.py](recipe.py): "
        f"{_count(training['epochs'], 'epoch')} over {data['train_images']:,} images of {shape} in "
        f"batches of {training['batch_size']}, {_duration(training['seconds'])} on "
        f"{training['cpus']} processors, seed {training['seed']}.",
        "",
        *_expected(metadata),
        "Versions: " + ", ".join(f"{k} {v}" for k, v in metadata["versions"].items()) + ".",
        "",
        "## Limits",
        "",
        f"Made for images like those of `{data['name']}` and nothing else: the same size, centred "
        "and scaled alike. It reproduces the biases of that data.",
        "",
        f"Data licence: {data['licence']}.",
        "",
        f"<!-- metadata {digest(metadata)} -->",
        "",
    ]
    return "\n".join(lines)


def table(entries):
    """The table of the shelf.

    Args:
        entries: metadata dicts.

    Returns:
        Markdown table, one row an entry.
    """
    lines = [
        "| entry | parameters | code | nll, nats (K) | ELBO, nats | mse | PCA's mse | training |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in entries:
        numbers = entry["numbers"]
        name = entry["name"]
        lines.append(
            f"| [{name}](zoo/{name}/README.md) | {entry['parameters']:,} "
            f"| {entry['latent_dim'] or ''} "
            f"| {_nll(numbers)} | {_cell(numbers, 'elbo_nats', '.2f')} "
            f"| {_cell(numbers, 'mse', '.5f')} | {_cell(numbers, 'pca_mse', '.5f')} "
            f"| {_duration(entry['training']['seconds'])} |"
        )
    return "\n".join(lines)


def replace_table(page, entries, begin=BEGIN, end=END, links="zoo/"):
    """A page with the table between its two markers made anew.

    Raises:
        ValueError: the page lacks a marker.
    """
    if begin not in page or end not in page:
        raise ValueError(f"The page has no {begin!r} ... {end!r} to put the table between.")
    before, after = page.split(begin)[0], page.split(end)[1]
    rows = table(entries).replace("](zoo/", f"]({links}")
    return f"{before}{begin}\n{rows}\n{end}{after}"


def _hardly_used(metadata):
    """A warning where few latents are active, or the rate is low."""
    numbers = metadata["numbers"]
    if metadata["latent_dim"] is None:
        return []
    found = collapse.describe(
        metadata["latent_dim"], numbers.get("active_units"), numbers.get("rate_nats")
    )
    return [f"**The code is hardly used**: {found}. {collapse.REMEDY}", ""] if found else []


def _on_a_device(metadata):
    """What the exported files cost, where that was certified."""
    if "export" not in metadata:
        return []
    rows = metadata["export"]
    images = next(iter(rows.values()))["images"]
    has_elbo = "elbo_nats" in metadata["numbers"]
    what = "ELBO" if has_elbo else "log-likelihood given the code"
    lines = [
        "## On a device",
        "",
        f"The decoder as a .tflite file: by how much the {what} falls where the file itself "
        f"decodes, in nats per image, on {images:,} test images; PSNR against the images of "
        "Keras; microseconds for one image on one thread.",
        "",
        "| quantisation | KiB | nats lost | PSNR, dB | microseconds | operators |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for quantize, row in rows.items():
        lines.append(
            f"| {quantize} | {row['kib']:,.1f} | {row['nats_lost']:+.4f} ± "
            f"{row['nats_lost_error']:.4f} | {row['psnr_db']:.1f} | "
            f"{row['microseconds_per_image']:.0f} | {row['ops']} |"
        )
    return [*lines, ""]


def _parameters(metadata):
    decoder = metadata["decoder_parameters"]
    if decoder is None:
        return f"| parameters | {metadata['parameters']:,} |"
    return f"| parameters (decoder alone) | {metadata['parameters']:,} ({decoder:,}) |"


def _numbers(metadata):
    labels = LABELS
    if "importance_samples" not in metadata["numbers"]:
        labels = {**LABELS, "nll_nats": "-log p(x), exact (nats per image)"}
    return [(key, label) for key, label in labels.items() if key in metadata["numbers"]]


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


def _count(number, thing):
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _duration(seconds):
    return f"{seconds:.0f} seconds" if seconds < 120 else f"{seconds / 60:.0f} minutes"


def _expected(metadata):
    if not metadata["expected"]:
        return []
    parts = [
        f"{key} {value:g} within {metadata['tolerance'][key]:g}"
        for key, value in metadata["expected"].items()
    ]
    return [f"A run should reach {', '.join(parts)}.", ""]
