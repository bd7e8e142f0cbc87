"""The tables of docs/density.md: entries of the shelf among published numbers, by nats."""

from keras_vae import tables

DRAW = "<!-- density table: {} -->"
END = "<!-- end of density table -->"
# Nats per image on the test set, as published: {binarisation: [(model, nats, source)]}.
PUBLISHED = {
    "dynamic": [
        ("VAE, 1 layer, 784-200-200-50", 86.76, "arXiv 1509.00519"),
        ("PixelCNN, 10 gated layers of 128", 81.50, "pytorch-generative"),
        ("PixelCNN, 15 layers of 16 channels", 81.45, "pytorch-generative"),
        ("ResNet VAE, diagonal posterior", 81.08, "arXiv 1606.04934"),
        ("ImageGPT, autoregressive with attention", 79.17, "pytorch-generative"),
        ("PixelSNAIL, autoregressive with attention", 78.61, "pytorch-generative"),
        ("ResNet VAE, IAF posterior", 79.10, "arXiv 1606.04934"),
        ("VLAE, autoregressive prior and decoder", 78.53, "arXiv 1611.02731"),
        ("VAE, RealNVP prior, 40 latents", 78.49, "arXiv 1905.13452"),
    ],
    "fixed": [
        ("VAE, 1 layer", 88.71, "arXiv 1509.00519"),
        ("VAE, N(0, I) prior, 40 latents", 82.95, "arXiv 1905.13452"),
        ("PixelCNN", 81.30, "arXiv 1601.06759"),
        ("PixelRNN, Row LSTM", 80.54, "arXiv 1601.06759"),
        ("PixelCNN, gated", 80.10, "arXiv 1611.05013"),
        ("VAE, RealNVP prior, 40 latents", 79.84, "arXiv 1905.13452"),
        ("PixelRNN, diagonal BiLSTM", 79.20, "arXiv 1601.06759"),
    ],
}
HEADS = [
    "",
    "source",
    "nll, nats (K)",
    "parameters",
    "of the decoder",
    "training, minutes",
    "us per image, one core",
    "KiB",
]


def replaced(page, record):
    """The text of the page with its tables, and the line on the machine, made from the record."""
    for binarisation in PUBLISHED:
        begin = DRAW.format(binarisation)
        page = tables.placed(page, begin, END, f"\n{table(record, binarisation)}\n")
    return page


def table(record, binarisation):
    """Markdown, the highest nll first: what is below is better."""
    rows = [
        (told["nll_nats"], _own(name, told))
        for name, told in record["entries"].items()
        if told["binarisation"] == binarisation
    ]
    rows += [
        (nats, [model, source, f"{nats:.2f}", *[""] * 5])
        for model, nats, source in PUBLISHED[binarisation]
    ]
    rows = [cells for _, cells in sorted(rows, key=lambda row: -row[0])]
    return tables.markdown(HEADS, rows, words=2)


def _own(name, told):
    k = told["importance_samples"]
    nats = f"{told['nll_nats']:.2f} ({k:,})" if k else f"{told['nll_nats']:.2f} (exact)"
    if "nll_1000_samples_nats" in told:
        nats = f"{told['nll_1000_samples_nats']:.2f} (1,000), {nats}"
    taken = f"{told['microseconds']:,.0f}"
    if told["microseconds_together"]:
        taken += f"; {told['microseconds_together']:,.0f} of {100}"
    decoder = told["decoder_parameters"]
    return [
        f"**[{name}](../zoo/{name}/README.md)**",
        "",
        nats,
        f"{told['parameters']:,}",
        f"{decoder:,}" if decoder else "",
        f"{told['training_minutes']:.0f}",
        taken,
        f"{told['bytes'] / 1024:,.0f}",
    ]
