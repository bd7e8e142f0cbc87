"""The rooms of the library: each uses only those above it, and no import runs back up."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "keras_vae"
# In the order in which they build on each other; a folder is one room.
LIBRARY = """
    private_api choice collapse atomic lock quiet progress averaging fused_adam tables terminal
    transposed pipeline distribution networks causal verb shapes published_sets augmentation data
    image_folder
    distributions objectives penalties adversaries checkpoints plot models callbacks evaluate
    recipe export compact training zoo pictures web demo picture_verbs cli
""".split()
EXPORT = """
    artefact output_file flatbuffer graph runtime int8 proof saved_model tflite best c_array
""".split()
MODELS = """
    checks watch image_model code_model importance aggregate autoencoder vae adversarial
    autoregressive builders
""".split()
DISTRIBUTIONS = """
    tfd stable prior posterior likelihood normals transformed_normal flows normal_mixture mixtures
    flowed_normal iaf amortised_flows power_spherical hyperspherical quantized logit_bernoulli
    levels location_scale likelihoods posteriors priors
""".split()
CAUSAL = "layers networks drawing".split()
OBJECTIVES = "objective latents elbo importance_weighted beta_tc dip mmd geco".split()
ZOO = "listing example_data card entry publishing certificates exporting runs".split()
EVALUATE = "codes factors features generated linear reporting".split()
PLOT = "grids maps walks curves".split()
WEB = "server models site".split()
FOLDERS = {
    "": LIBRARY,
    "causal": CAUSAL,
    "distributions": DISTRIBUTIONS,
    "evaluate": EVALUATE,
    "export": EXPORT,
    "models": MODELS,
    "objectives": OBJECTIVES,
    "zoo": ZOO,
    "plot": PLOT,
    "web": WEB,
}


def modules(folder):
    """(room of the folder, names of the modules that it imports) for each file below it."""
    for path in sorted((PACKAGE / folder).rglob("*.py")):
        inside = path.relative_to(PACKAGE / folder)
        if inside != Path("__init__.py"):
            yield inside.parts[0].removesuffix(".py"), list(_imports(path))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "keras_vae":
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.startswith("keras_vae."))


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_import_runs_back_up(folder):
    order = FOLDERS[folder]
    below = ("keras_vae", folder) if folder else ("keras_vae",)
    upward, found = [], set()
    for room, imported in modules(folder):
        found.add(room)
        for name in imported:
            parts = tuple(name.split("."))
            target = parts[len(below)] if parts[: len(below)] == below != parts else None
            if target in order and order.index(target) > order.index(room):
                upward.append(f"{room} imports {name}")
    assert not upward
    assert found == set(order), "a room of which the order says nothing"
