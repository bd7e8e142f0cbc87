"""Packaging: the library, and the shelf of pretrained models as its data."""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent
VERSION = next(
    line.split('"')[1]
    for line in (HERE / "keras_vae" / "__init__.py").read_text().splitlines()
    if line.startswith("__version__")
)
TEST = [
    "pytest>=8",
    "pytest-xdist>=3.7",  # one test process for each of two processors
    "nbclient>=0.8",
    "nbformat>=5",
    "ipykernel>=6",
    "scipy>=1.10",
    "prdc>=0.2",  # checks precision, recall, density and coverage
    "pyyaml>=6",  # reads the front matter of a card
    "playwright>=1.49",  # for a Chromium that is there already, not one by `playwright install`
    "tensorboard>=2.18",  # the SampleGrid callback writes for it
    # TensorFlow Lite Micro; there are no wheels for other machines, and its tests say so
    "tflite-micro; sys_platform == 'linux' and platform_machine == 'x86_64'",
]

# what `python -m benchmarks` compares with
BENCH = ["torch>=2.6", "pythae>=0.1.2", "jax>=0.5", "optax>=0.2", "onnx>=1.16", "onnxruntime>=1.20"]


class BuildWithShelf(build_py):
    """Puts zoo/ and the browser page into the wheel: data only, no module gets a second name."""

    def run(self):
        super().run()
        if self.editable_mode:
            return  # a clone reads its own zoo/ and export/web/
        package = Path(self.build_lib) / "keras_vae"
        left = shutil.ignore_patterns("__pycache__", "node_modules", ".*")
        for source, target in (("zoo", "shelf"), ("export/web", "web/page")):
            shutil.rmtree(package / target, ignore_errors=True)
            shutil.copytree(HERE / source, package / target, ignore=left)


setup(
    name="keras_vae",
    version=VERSION,
    description="Small autoencoders and VAEs for Keras 3: pretrained, measured, exported to TFLite",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["keras_vae", "keras_vae.*"]),
    package_data={"keras_vae.zoo": ["card.md.jinja"], "keras_vae.evaluate": ["features.npz"]},
    python_requires=">=3.10",
    install_requires=[
        "tensorflow>=2.18",
        "keras>=3.8",
        "tensorflow-probability[tf]>=0.25",
        "tensorflow-datasets>=4.9.7",
        "tensorflow-metadata>=1.17",  # of tensorflow-datasets; TensorFlow 2.18 needs an old one
        "importlib_resources>=5",  # tensorflow-datasets imports it to prepare data
        "numpy>=1.26",
        "ai-edge-litert>=2.3",
        "litert-quantizer>=0.11",
        "scikit-learn>=1.4",
        "matplotlib>=3.8",
        "pillow>=10.1",  # a scalable font of its own
        "h5py>=3.11",
        "typer>=0.16",
        "rich>=13",
        "tabulate>=0.8.9",
        "jinja2>=3.0",
    ],
    extras_require={"test": TEST, "dev": [*TEST, "ruff", "build"], "bench": BENCH},
    entry_points={"console_scripts": ["keras-vae = keras_vae.cli:main"]},
    cmdclass={"build_py": BuildWithShelf},
    classifiers=[
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
