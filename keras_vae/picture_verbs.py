"""The verbs of the command that write pictures: generate, interpolate, reconstruct."""

from pathlib import Path
from typing import Annotated

import typer

from keras_vae import terminal
from keras_vae.verb import Json, Name, with_tensorflow

Scale = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Times that each pixel is repeated; by default so that an image is at least 64 "
        "pixels wide and high.",
    ),
]
Output = Annotated[Path, typer.Option(help="PNG file to write.")]
Invert = Annotated[
    bool,
    typer.Option(
        "--invert", help="Dark on light pictures become light on dark, as the digits of MNIST are."
    ),
]


@with_tensorflow
def generate(
    name: Name,
    output: Annotated[Path, typer.Option(help="PNG file to write; with --separate a folder.")],
    count: Annotated[int, typer.Option(min=1, help="Number of images.")] = 64,
    seed: Annotated[int | None, typer.Option(help="For the same images again.")] = None,
    scale: Scale = None,
    columns: Annotated[
        int | None, typer.Option(min=1, help="Images in a row; by default as square as it gets.")
    ] = None,
    separate: Annotated[
        bool,
        typer.Option(
            "--separate",
            help="Write a folder of one file an image, 00.png, 01.png and so on, without borders; "
            "each pixel once if there is no --scale. A folder of such files is replaced.",
        ),
    ] = False,
    as_json: Json = False,
):
    """Draws images from a model's prior and writes them as one picture.

    Example: `keras-vae generate conv_vae_mnist --count 64 --seed 7 --output grid.png`
    """
    from keras_vae import pictures

    if separate and columns is not None:
        raise ValueError("--columns is for one picture; leave it out with --separate.")
    if separate:
        written = pictures.generate_each(name, output, count, seed, scale or 1)
    else:
        written = pictures.generate(name, output, count, seed, scale, columns)
    terminal.done(as_json, written)


@with_tensorflow
def interpolate(
    name: Name,
    output: Output,
    count: Annotated[int, typer.Option(min=2, help="Images in a row, both ends included.")] = 10,
    rows: Annotated[
        int | None, typer.Option(min=1, help="Ways between two draws of the prior; 8 by default.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="For the same draws again.")] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="Picture to start from, instead of draws.")
    ] = None,
    end: Annotated[Path | None, typer.Option("--to", help="Picture to end with.")] = None,
    invert: Invert = False,
    scale: Scale = None,
    as_json: Json = False,
):
    """Goes from one code to another and writes the images on the way: of draws, or of pictures.

    Examples: `keras-vae interpolate conv_vae_mnist --seed 7 --output ways.png`;
    `keras-vae interpolate conv_vae_mnist --from a.png --to b.png --output way.png`
    """
    from keras_vae import pictures

    if (start is None) != (end is None):
        raise ValueError("Give both ends, --from PICTURE and --to PICTURE, or neither.")
    if start is None and invert:
        raise ValueError("--invert is for pictures, --from and --to.")
    if start is not None and not (rows is seed is None):
        raise ValueError("--rows and --seed are for draws; leave them out with --from and --to.")
    if start is None:
        written = pictures.interpolate(name, output, count, rows or 8, seed, scale)
    else:
        written = pictures.interpolate_between(name, start, end, output, count, invert, scale)
    terminal.done(as_json, written)


@with_tensorflow
def reconstruct(
    name: Name,
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="PICTURE...",
            help="Any size and format, grey or colour: the middle part is resized to the model's.",
        ),
    ],
    output: Output,
    invert: Invert = False,
    columns: Annotated[int, typer.Option(min=1, help="Images in a row.")] = 10,
    scale: Scale = None,
    as_json: Json = False,
):
    """Encodes and decodes your own pictures; writes each one above its reconstruction.

    Example: `keras-vae reconstruct conv_vae_mnist three.jpg --invert --output seen.png`
    """
    from keras_vae import pictures

    terminal.done(as_json, pictures.reconstruct(name, files, output, invert, columns, scale))
