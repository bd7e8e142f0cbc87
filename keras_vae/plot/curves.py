"""Curves of a training, and the plane of rate and distortion: matplotlib figures."""

import numpy as np

from keras_vae.plot.maps import HUES, colour

TERMS = ("loss", "distortion", "rate")
ELBOS = 7  # lines of equal ELBO in the plane


def losses(history, title=None):
    """Loss, distortion and rate over the epochs, validation dashed.

    Args:
        history: keras History of `fit`, or its dict: name -> values, one an epoch.
        title: of the figure.

    Returns:
        matplotlib Figure, a panel for each of loss, distortion and rate that the history has, in
        nats per image.

    Raises:
        ValueError: no loss in it.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    history = getattr(history, "history", history)
    names = [name for name in TERMS if name in history]
    if "loss" not in names:
        raise ValueError(f"history must have a 'loss'; received {sorted(history)}.")
    figure = Figure(figsize=(4.2 * len(names), 3.6), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    for number, (axes, name) in enumerate(zip(panels, names)):
        shade = colour(7 - 3 * number)
        for key, style, label in ((name, "-", "training"), (f"val_{name}", "--", "validation")):
            if key in history:
                epochs = np.arange(1, len(history[key]) + 1)
                axes.plot(epochs, history[key], style, color=shade, label=label)
        axes.set(xlabel="epoch", title=f"{name}, nats per image")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        if len(axes.lines) > 1:
            axes.legend(frameon=False)
    figure.suptitle(title)
    return figure


def rate_distortion(reports, title=None):
    """Models in the plane of rate and distortion (arXiv 1711.00464).

    Args:
        reports: dict of name -> numbers of `evaluate.report`, or of an entry's metadata, of VAEs
            on the same images.
        title: of the figure.

    Returns:
        matplotlib Figure. Each grey line is an ELBO; models on one line differ in what they use the
        code for, not in the bound.

    Raises:
        ValueError: no model, or one without rate and distortion.
    """
    from matplotlib.figure import Figure

    places = {}
    for name, numbers in reports.items():
        if not {"rate_nats", "distortion_nats"} <= set(numbers):
            raise ValueError(f"{name!r} has no rate_nats and distortion_nats: is it a VAE?")
        places[name] = numbers["rate_nats"], numbers["distortion_nats"]
    if not places:
        raise ValueError("reports is empty: there is no model to show.")
    figure = Figure(figsize=(6.5, 5.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    rates, distortions = np.array(list(places.values()), "float64").T
    room = [0.18 * max(np.ptp(values), 0.05 * values.max(), 1.0) for values in (rates, distortions)]
    left, right = max(0.0, rates.min() - room[0]), rates.max() + 2 * room[0]
    low, high = distortions.min() - room[1], distortions.max() + room[1]
    for bound in np.linspace(left + low, right + high, ELBOS + 2)[1:-1]:
        axes.plot([left, right], [bound - left, bound - right], color="0.85", linewidth=1, zorder=0)
        at = np.clip(bound - low, left, right)  # where the line leaves the plane, below or right
        place = (at, bound - at)
        axes.annotate(
            f"ELBO {-bound:.1f}", place, color="0.55", fontsize=8, ha="right", va="bottom"
        )
    for number, (name, place) in enumerate(places.items()):
        axes.plot(*place, "o", color=colour(number % len(HUES)), markersize=8)
        axes.annotate(name, place, (7, 5), textcoords="offset points", fontsize=9)
    axes.set(xlim=(left, right), ylim=(low, high))
    axes.set(xlabel="rate, nats per image", ylabel="distortion, nats per image", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure
