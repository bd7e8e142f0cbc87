"""The command `keras-vae`: a verb for each step of the Python API.

Exit status: 0 done, 1 failed (the reason is on stderr), 2 wrong usage, 130 Ctrl-C, 143 SIGTERM.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from keras_vae import picture_verbs, terminal
from keras_vae.verb import Json, Name, end_on_sigterm, with_tensorflow
from keras_vae.zoo import listing

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow's notes are not the user's

app = typer.Typer(
    help="Small autoencoders and VAEs: pretrained, measured, exported to TFLite.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

EXPECTED_ERRORS = (ValueError, OSError, TypeError, FloatingPointError, ImportError)


def main():
    """Runs the command line; an expected error becomes one line on stderr and exit status 1."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a progress bar must not end a training
    warnings.showwarning = _say
    end_on_sigterm()
    try:
        app()
    except EXPECTED_ERRORS as error:
        print(f"keras-vae: {error}", file=sys.stderr)
        sys.exit(1)


@app.command("list")
def list_(as_json: Json = False):
    """Lists the pretrained models.

    Example: `keras-vae list`
    """
    entries = [listing.info(name) for name in listing.names()]
    if as_json:
        return terminal.as_json(entries)
    columns = ["entry", "nll, nats", "ELBO, nats", "mse", "parameters", "code", "data"]
    rows = [
        [
            entry["name"],
            _cell(entry["numbers"], "nll_nats", ".2f"),
            _cell(entry["numbers"], "elbo_nats", ".2f"),
            _cell(entry["numbers"], "mse", ".5f"),
            f"{entry['parameters']:,}",
            str(entry["latent_dim"] or ""),
            entry["data"]["name"],
        ]
        for entry in entries
    ]
    terminal.table(columns, rows)


@app.command()
def info(name: Name, as_json: Json = False):
    """Shows the card of a model.

    Example: `keras-vae info conv_vae_mnist`
    """
    if as_json:
        return terminal.as_json(listing.info(name))
    terminal.markdown((listing.locate(name) / "README.md").read_text(encoding="utf-8"))


for _verb in (picture_verbs.generate, picture_verbs.interpolate, picture_verbs.reconstruct):
    app.command()(_verb)


@app.command()
@with_tensorflow
def train(
    what: Annotated[
        str,
        typer.Argument(help="Entry, recipe.py, or a builder such as conv_vae (with --images)."),
    ],
    output: Annotated[Path, typer.Option(help="Folder to write the entry to.")],
    images: Annotated[
        Path | None, typer.Option(help="Folder of your own pictures, for a builder.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(min=4, help="Height and width that pictures are resized to.")
    ] = None,
    latent_dim: Annotated[int | None, typer.Option(min=1, help="Size of the code.")] = None,
    likelihood: Annotated[
        str | None, typer.Option(help="For pictures; by default normal with a learned scale.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Instead of the recipe's.")] = None,
    beta: Annotated[
        float | None, typer.Option(min=0, help="Weight of the rate in the ELBO (VAEs).")
    ] = None,
    augment: Annotated[
        bool,
        typer.Option("--augment", help="Turn, stretch and slant training images a little."),
    ] = False,
    devices: Annotated[
        int | None,
        typer.Option(min=1, help="GPUs, or parts of the processors, to train on together."),
    ] = None,
    as_json: Json = False,
):
    """Trains an entry from its recipe, or a model on your own pictures.

    An interrupted training goes on where it stopped when the same command is given again.

    Examples: `keras-vae train dense_vae_digits --output runs/digits`;
    `keras-vae train conv_vae --images holiday/ --latent-dim 32 --output runs/holiday`
    """
    from keras_vae.zoo import publishing, runs

    publishing.check_target(output)
    recipe, recipe_file = runs.recipe_for(
        what,
        images,
        output.name,
        image_size,
        latent_dim,
        likelihood,
        epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        beta=beta,
        augment=augment,
    )
    try:
        with terminal.progress(as_json):
            written = runs.train(recipe, output, recipe_file, devices=devices)
    except (KeyboardInterrupt, SystemExit):
        print(f"keras-vae: {runs.what_stays(output)}", file=sys.stderr)
        raise
    if written is None:  # a worker of a cluster, whose chief tells the rest
        return
    misses = recipe.misses(written["numbers"])
    for miss in misses:
        print(f"keras-vae: {miss}", file=sys.stderr)
    terminal.done(as_json, {"folder": str(output), **written["numbers"], "misses": misses})
    if misses:
        raise typer.Exit(1)


@app.command()
@with_tensorflow
def evaluate(
    name: Name,
    importance_samples: Annotated[
        int, typer.Option(min=1, help="Draws of z per image behind nll_nats.")
    ] = 100,
    count: Annotated[
        int | None, typer.Option(min=1, help="Only the first test images; all by default.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Folder to keep what is measured in, so that the same command goes on."),
    ] = None,
    generation: Annotated[
        bool,
        typer.Option("--generation", help="Also compare samples with test images, by features."),
    ] = False,
    manifold: Annotated[
        bool,
        typer.Option("--manifold", help="Also ask simple readers of the codes for labels."),
    ] = False,
    as_json: Json = False,
):
    """Measures a model on the test images of its data set, as its card was measured.

    Examples: `keras-vae evaluate dense_vae_digits --importance-samples 1000`;
    `keras-vae evaluate conv_vae_digits --generation --manifold --json`
    """
    from keras_vae.zoo import runs

    with terminal.progress(as_json):
        numbers = runs.evaluate(
            name, importance_samples, count, kept=keep, generation=generation, manifold=manifold
        )
    if as_json:
        return terminal.as_json(numbers)
    terminal.numbers(numbers)


@app.command()
@with_tensorflow
def export(
    name: Name,
    output: Annotated[
        Path, typer.Option(help="File (tflite, c) or folder (saved_model) to write.")
    ],
    format: Annotated[str, typer.Option(help="tflite, saved_model, or c (a header).")] = "tflite",
    quantize: Annotated[
        str,
        typer.Option(
            help="none, float16, weights (int8, float32 arithmetic), dynamic, int8, or auto: the "
            "smallest that loses at most --max-nats (tflite only)."
        ),
    ] = "none",
    max_nats: Annotated[
        float, typer.Option(help="By how much the ELBO may fall for --quantize auto.")
    ] = 0.05,
    batch: Annotated[int, typer.Option(min=1, help="Images per call (tflite only).")] = 1,
    signature: Annotated[
        list[str],
        typer.Option(
            help="draw, from_noise, encode, reconstruct, interpolate or generate, beside decode; "
            "may be given several times (tflite only)."
        ),
    ] = (),
    image_format: Annotated[
        str, typer.Option(help="pixels (0 to 1), uint8 (0 to 255) or logits (tflite only).")
    ] = "pixels",
    min_rate: Annotated[
        float | None,
        typer.Option(help="Leave out latents that say less than so many nats."),
    ] = None,
    certify: Annotated[
        bool, typer.Option("--certify", help="Measure the nats lost on test images (tflite only).")
    ] = False,
    as_json: Json = False,
):
    """Writes a model for a device, runs the written file and compares it with Keras.

    `--format c` writes the .tflite file as a C header for a microcontroller; options that are for
    tflite are for it as well.

    Examples: `keras-vae export conv_vae_mnist --format tflite --quantize int8 --output d.tflite`;
    `keras-vae export dense_vae_digits --format c --quantize int8 --output decoder.h`
    """
    from keras_vae.zoo import exporting

    with terminal.progress(as_json):
        written = exporting.write(
            name,
            output,
            format,
            None if quantize == "none" else quantize,
            max_nats=max_nats,
            min_rate=min_rate,
            certified=certify,
            beside=signature,
            output=image_format,
            batch=batch,
        )
    if as_json:
        return terminal.as_json(written.row)
    if written.latents is not None:
        before, kept = written.latents
        print(f"{kept} of {before} latents stay; the ELBO is {written.pruned_nats:.4f} nats lower.")
    if written.tries:
        terminal.tries(written.tries)
    terminal.artefacts([written.row])
    if format == "c":
        flash, arena = written.row["bytes"], written.row["arena_bytes"]
        print(f"{flash:,} bytes of flash, {arena:,} bytes of arena.")


@app.command()
@with_tensorflow
def demo(
    output: Annotated[
        Path, typer.Option(help="Folder for the pictures and the exported files.")
    ] = (Path("keras_vae_demo")),
    as_json: Json = False,
):
    """Trains a small VAE, loads a pretrained one, writes pictures, exports and runs decoders.

    Example: `keras-vae demo`
    """
    from keras_vae import demo as demonstration

    with terminal.progress(as_json):
        rows = demonstration.run(output)
    if as_json:
        return terminal.as_json(rows)
    print()
    terminal.artefacts(rows)
    print(f"\nPictures and files are in {output}/.")


@app.command()
@with_tensorflow
def web(
    output: Annotated[Path, typer.Option(help="Folder to build the page in.")] = (
        Path("keras_vae_web")
    ),
    models: Annotated[
        list[str] | None, typer.Option("--model", help="Entry or folder; once for each model.")
    ] = None,
    quantize: Annotated[
        str, typer.Option(help="none, float16, weights, dynamic or int8.")
    ] = "weights",
    litert: Annotated[
        Path | None, typer.Option(help="node_modules folder that holds @litertjs/core.")
    ] = None,
    serve: Annotated[bool, typer.Option(help="Serve the page until Ctrl-C, or only build.")] = True,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 8000,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = True,
    as_json: Json = False,
):
    """Builds the browser page of the zoo, once, and serves it on this machine.

    Example: `keras-vae web --port 8000`
    """
    from keras_vae.web import server
    from keras_vae.web.site import web as build

    with terminal.progress(as_json):
        site = build(output, models, None if quantize == "none" else quantize, litert)
    built = {"folder": str(site.path), "models": len(site.models), "bytes": site.bytes}
    built["decoders_bytes"] = site.decoders_bytes
    if not serve:
        return terminal.done(as_json, built)
    running = server.server(site.path, port)
    terminal.done(as_json, {"url": server.url(running), **built})
    sys.stdout.flush()  # who started the server reads the address from a pipe
    server.serve(running, open_)


def _say(message, category, filename, lineno, file=None, line=None):
    """A warning as a user reads it: what it says, not which line of which file says so."""
    print(f"keras-vae: {message}", file=file or sys.stderr)


def _cell(numbers, key, form):
    return format(numbers[key], form) if key in numbers else ""


if __name__ == "__main__":
    main()
