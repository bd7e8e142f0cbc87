"""A training run as a value: what is trained on what, how, and the numbers it should reach."""

import dataclasses
import math
import runpy
from pathlib import Path

from keras_vae import augmentation, data, models
from keras_vae.choice import LARGEST_SEED, plain, real, whole


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that a training run depends on.

    Attributes:
        name: of the entry, on the shelf `<builder>_<dataset>` or `<builder>_<dataset>_<variant>`:
            `_micro` for decoders that fit a microcontroller, else what differs.
        data: name for `data.load`, or a folder of pictures.
        builder: key of `models.BUILDERS`.
        arguments: of the builder; `image_shape` comes from the data where it is left out.
        start: entry whose weights the training starts from, wherever this model has weights of the
            same shapes in the same order, with others between them or not; or None for random ones.
        epochs: passes over the training images.
        batch_size: images in a step.
        learning_rate: of Adam; falls to 0 along a cosine where `cosine_decay` is true.
        cosine_decay: see above.
        clip_norm: a step's gradient is scaled down to this norm where it is longer; or None.
        ema_momentum: weights are the exponential moving average of the steps, at most this long
            and scaled to a short training, see `averaging.AveragedAdam`; or None.
        warmup_epochs: epochs in which beta rises linearly from 0 (VAE).
        binarize: None or "dynamic", see `data.batches`.
        corruption: None or e.g. {"noise": 0.3}: the training images that the encoder sees, and not
            those that it explains, are corrupted, see `data.batches`.
        augmentation: None or e.g. {"rotation": 8, "shear": 0.1, "epochs": 40}: training images are
            turned, stretched and slanted, see `data.batches`.
        dtype_policy: of training, "float32" or "mixed_bfloat16"; weights are float32.
        jit_compile: train through XLA; dense networks gain, convolutions lose on processors.
        quantization_aware_epochs: passes over the training images in which the decoder, alone and
            last, learns to be int8, see `export.finetune`; at a tenth of the learning rate.
        importance_samples: of the reported nll (VAE).
        seed: of the weights, the order, the binarisation and the importance samples.
        expected: {number of `evaluate.report`: value} that a run reaches.
        tolerance: {the same keys: how far a run may miss it}.
        reference: {number of `evaluate.report`: value} that was published for the same data and
            network, or that another entry has, for the table "obtained / reference" of the shelf.
        reference_source: who published it, with the samples of its nll.
    """

    name: str
    data: str
    builder: str
    arguments: dict = dataclasses.field(default_factory=dict)
    start: str | None = None
    epochs: int
    batch_size: int = 128
    learning_rate: float = 1e-3
    cosine_decay: bool = True
    clip_norm: float | None = None
    ema_momentum: float | None = 0.999
    warmup_epochs: float = 0
    binarize: str | None = None
    corruption: dict | None = None
    augmentation: dict | None = None
    dtype_policy: str = "float32"
    jit_compile: bool = False
    quantization_aware_epochs: int = 0
    importance_samples: int = 1000
    seed: int = 0
    expected: dict = dataclasses.field(default_factory=dict)
    tolerance: dict = dataclasses.field(default_factory=dict)
    reference: dict = dataclasses.field(default_factory=dict)
    reference_source: str = ""

    def __post_init__(self):
        for name, value in vars(self).items():  # a recipe is also text: recipe.py, recipe.json
            object.__setattr__(self, name, plain(value))
        models.bind(self.builder, {"image_shape": None, **self.arguments})
        for name in ("epochs", "batch_size", "importance_samples"):
            whole(name, getattr(self, name))
        whole("seed", self.seed, 0, LARGEST_SEED - 1)
        whole("quantization_aware_epochs", self.quantization_aware_epochs, 0)
        real("warmup_epochs", self.warmup_epochs, least=0)
        real("learning_rate", self.learning_rate, above=0)
        if self.clip_norm is not None:
            real("clip_norm", self.clip_norm, above=0)
        data.check_corruption(self.corruption)
        augmentation.check(self.augmentation)
        if set(self.expected) != set(self.tolerance):
            raise ValueError(
                f"expected {sorted(self.expected)} and tolerance {sorted(self.tolerance)} must "
                "name the same numbers."
            )
        for name, value in self.reference.items():
            real(f"reference[{name!r}]", value)
        if bool(self.reference) != bool(self.reference_source):
            raise ValueError(
                f"reference {self.reference} and reference_source {self.reference_source!r} must "
                "be given together: a published number says where it was published."
            )

    def misses(self, numbers):
        """Sentences on the expected numbers that a run did not reach within the tolerance."""
        return [
            f"{key} is {numbers.get(key, math.nan):.6g}, expected {value:.6g} within "
            f"{self.tolerance[key]:.6g}"
            for key, value in self.expected.items()
            if not abs(numbers.get(key, math.nan) - value) <= self.tolerance[key]  # NaN misses too
        ]


def load(path):
    """Reads RECIPE from a Python file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file does not define RECIPE.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"No recipe at {str(path)!r}; it is a Python file with a RECIPE.")
    recipe = runpy.run_path(str(path)).get("RECIPE")  # unlike an import it leaves no __pycache__
    if not isinstance(recipe, Recipe):
        raise ValueError(f"{str(path)!r} does not define RECIPE = keras_vae.recipe.Recipe(...).")
    return recipe
