"""The page that sets AE, denoising AE, RAE and VAE side by side: trains, measures, writes it.

    python -m benchmarks.autoencoder_or_vae            # half an hour on one processor
    python -m benchmarks.autoencoder_or_vae --tables   # the tables anew from the record

All have one network (784-500-500-code and back), one likelihood (Bernoulli, on MNIST binarised
dynamically), the same epochs; they differ in what is said of the code. MNIST is in TFDS_DATA_DIR.
What is measured goes to docs/autoencoder_or_vae.json after each model, and what is there already is
not trained again: remove the file to begin anew.
"""

import argparse
import json

import numpy as np

from benchmarks.report import ROOT
from keras_vae import data, evaluate, plot, tables, training
from keras_vae.distributions import priors
from keras_vae.objectives import ELBO
from keras_vae.recipe import Recipe

PAGE, RECORD = ROOT / "docs" / "autoencoder_or_vae.md", ROOT / "docs" / "autoencoder_or_vae.json"
PICTURES = ROOT / "docs" / "images"
SIZES = (2, 32)
EPOCHS = 15
KINDS = {
    "AE": {"builder": "dense_ae"},
    "denoising AE": {"builder": "dense_ae", "corruption": {"masking": 0.25}},
    "RAE": {"builder": "dense_ae", "arguments": {"penalty": "l2"}},
    "VAE": {"builder": "dense_vae", "warmup_epochs": 4},
}
FITTED = "mixture"  # the prior that is fitted to codes afterwards
COMPARED, SHOWN = 5000, 16  # images whose features are compared, and in a picture
BEGIN, END = "<!-- {}, {} latents -->", "<!-- end of {} -->"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tables", action="store_true", help="from the record, nothing trained")
    parser.add_argument("--data", default="mnist", help="with labels and test images (mnist)")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args()
    if not options.tables:
        measure(options.data, options.epochs)
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), record), encoding="utf-8")


def recipe_of(kind, latent_dim, source="mnist", epochs=EPOCHS):
    """The training of one model of the page."""
    chosen = KINDS[kind]
    more = {"prior": FITTED} if chosen["builder"] == "dense_ae" else {"objective": ELBO()}
    arguments = {"latent_dim": latent_dim, "likelihood": "bernoulli", **more}
    return Recipe(
        name=f"{kind.replace(' ', '_')}_{latent_dim}",
        data=source,
        binarize="dynamic",
        epochs=epochs,
        importance_samples=1000,
        **{**chosen, "arguments": {**arguments, **chosen.get("arguments", {})}},
    )


def measure(source, epochs):
    """Trains what the record does not have yet; writes the record and the pictures."""
    images = data.load(source)
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for latent_dim in SIZES:
        found = record.setdefault(str(latent_dim), {})
        if set(found) == {*KINDS, "PCA"}:
            continue
        found["PCA"] = pca(images, latent_dim)
        maps, samples = {}, {}
        for kind in KINDS:
            run = training.run(recipe_of(kind, latent_dim, source, epochs))
            found[kind], drawn = measured(run, images)
            samples |= {f"{kind}, {prior}": plot.grid(x, 4, 2) for prior, x in drawn.items()}
            if latent_dim == 2:
                maps[kind] = _map(run.model, images, kind)
        _save(samples, f"autoencoder_or_vae_{latent_dim}")
        if maps:
            _save(maps, "autoencoder_or_vae_maps")
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def pca(images, latent_dim):
    """Principal components of the binarised training images, as autoencoders are measured."""
    train, test = (data.pixels(split, binarize="dynamic") for split in (images.train, images.test))
    return {"mse": evaluate.pca_mse(train, test, latent_dim)}


def measured(run, images):
    """What the tables say of a trained model, and images that it draws, by the prior's name."""
    test = data.pixels(images.test, binarize="dynamic")
    grey, labels = data.pixels(images.test), images.test.labels
    told = dict(run.numbers)
    told |= evaluate.manifold(run.model.encode(test), labels, test)
    drawn = {"N(0, I)": _drawn(run.model, "standard_normal", images)}
    drawn["fitted"] = _drawn(run.model, FITTED, images)
    for prior, made in drawn.items():
        told[prior] = evaluate.generation(made, grey[: len(made)])
    told["seconds"] = run.seconds
    return told, {prior: made[:SHOWN] for prior, made in drawn.items()}


def _drawn(model, prior, images):
    """(COMPARED, H, W, C) pixel means at draws of a prior, fitted to codes if it learns."""
    prior = priors.get(prior)
    priors.build(prior, model.latent_dim)
    if hasattr(prior, "fitted"):
        prior.fit(model.sample_codes(data.pixels(images.train, binarize="dynamic")[:20_000]))
    count = min(COMPARED, len(images.test))
    return model.decode(np.asarray(prior.distribution().sample(count, seed=(0, 7))))


def _map(model, images, title):
    """(rows, columns, 3) uint8 of a latent map of two thousand test images."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    test = data.pixels(images.test, binarize="dynamic")[:2000]
    canvas = FigureCanvasAgg(plot.latent_map(model, test, images.test.labels[:2000], title))
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[::2, ::2, :3].copy()


def _save(panels, name, columns=4):
    names = list(panels)
    rows = [
        plot.captioned({name: panels[name] for name in names[start : start + columns]})
        for start in range(0, len(names), columns)
    ]
    width = max(row.shape[1] for row in rows)
    pads = [((0, 10), (0, width - row.shape[1]), *[(0, 0)] * (row.ndim - 2)) for row in rows]
    filled = [np.pad(row, pad, constant_values=255) for row, pad in zip(rows, pads)]
    plot.save(np.concatenate(filled), PICTURES / f"{name}.png")


def replaced(page, record):
    """The text of the page with each of its tables made from the record."""
    for latent_dim, found in record.items():
        for name, made in {"codes": codes(found), "images": generated(found)}.items():
            begin, end = BEGIN.format(name, latent_dim), END.format(name)
            page = tables.placed(page, begin, end, f"\n{made}\n")
    return page


def codes(found):
    """Reconstruction, manifold and density, a row for each model; Markdown."""
    reads = ("probe_accuracy", "knn_accuracy", "trustworthiness")
    any_model = next(told for kind, told in found.items() if kind != "PCA")
    rows = [["PCA", f"{found['PCA']['mse']:.4f}", *(f"{any_model[f'pca_{r}']:.3f}" for r in reads),
             ""]]  # fmt: skip
    for kind in KINDS:
        told = found[kind]
        nll = f"{told['nll_nats']:.1f}" if "nll_nats" in told else ""
        rows.append([kind, f"{told['mse']:.4f}", *(f"{told[r]:.3f}" for r in reads), nll])
    heads = ["", "mse", "linear probe", "k-NN", "trustworthiness", "nll, nats"]
    return tables.markdown(heads, rows)


def generated(found):
    """Generation from either prior, a row for each model; Markdown."""
    keys = ("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage")
    rows = [
        [kind, prior, *(f"{found[kind][prior][key]:.3g}" for key in keys)]
        for kind in KINDS
        for prior in ("N(0, I)", "fitted")
    ]
    heads = ["", "prior", "Frechet", "kernel", "precision", "recall", "density", "coverage"]
    return tables.markdown(heads, rows, words=2)


if __name__ == "__main__":
    main()
