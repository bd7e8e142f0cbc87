"""What is measured: for each section of the benchmark its cases, and the contenders of each."""

import json
import subprocess
import sys
import tempfile

from benchmarks.side_by_side import ROOT, Contender, measured

SAMPLES, MEASURED = 1000, 32  # importance samples for each of so many images


def training(rounds, tell):
    """{network: found}: images per second of `fit`, batch 128, float32, Adam, all processors."""
    found = {}
    for network in ("dense", "conv"):
        tell(f"training, {network}")
        case = {"network": network}
        ours = {
            "keras_vae, fit(array)": ("fit_array", {}),
            "keras_vae, fit(batches)": ("fit_batches", {}),
            "keras_vae, jit_compile=True": ("fit_array", {"jit_compile": True}),
            "keras_vae, steps_per_execution=10": ("fit_array", {"steps_per_execution": 10}),
        }
        peers = {
            "PyTorch": ("pytorch:fit", {}),
            "PyTorch, channels_last": ("pytorch:fit", {"channels_last": True}),
            "PyTorch, torch.compile": ("pytorch:fit", {"compiled": True}),
            "pythae's trainer": ("pythae_trainer:fit", {}),
            "Keras, tutorial style": ("keras_tutorial:fit", {}),
            "JAX": ("jax_loop:fit", {}),
        }
        if network == "dense":
            del peers["PyTorch, channels_last"]
        contenders = [
            Contender(name, f"peers.ours:{function}", {**case, **options}, ours=True)
            for name, (function, options) in ours.items()
        ] + [
            Contender(name, f"peers.{place}", {**case, **options})
            for name, (place, options) in peers.items()
        ]
        found[network] = measured(contenders, rounds, tell)
    return found


def decoding(rounds, tell, batches=(1, 64)):
    """{"entry, batch": found}: images per second of the shelf's decoders, one thread."""
    from keras_vae import zoo

    found = {}
    for entry in [name for name in zoo.names(decoders=True) if not name.endswith("digits")]:
        for batch in batches:
            tell(f"decoding, {entry}, batch {batch}")
            with tempfile.TemporaryDirectory() as folder:
                found[f"{entry}, batch {batch}"] = _decoded(entry, batch, folder, rounds, tell)
    return found


def _decoded(entry, batch, folder, rounds, tell):
    files = _elsewhere("ours:exported", entry=entry, folder=folder, batch=batch)
    onnx = _elsewhere("pytorch:onnx_files", entry=entry, folder=folder, batch=batch)
    latent_dim = _elsewhere("ours:latent_dim", entry=entry)
    case = {"entry": entry, "batch": batch}
    contenders = [
        Contender(
            f"LiteRT, {name}",
            "peers.runtimes:litert",
            {"path": path, "batch": batch},
            ours=True,
            threads=1,
        )
        for name, path in files.items()
    ]
    contenders += [
        Contender(
            f"ONNX Runtime, {kind}",
            "peers.runtimes:onnx",
            {"path": path, "batch": batch, "latent_dim": latent_dim},
            threads=1,
        )
        for kind, path in onnx.items()
    ]
    contenders += [
        Contender("PyTorch", "peers.pytorch:decoder", case, threads=1),
        Contender("Keras", "peers.ours:keras_decoder", case, threads=1),
    ]
    return measured(contenders, rounds, tell)


def evaluation(rounds, tell):
    """{network: found}: images x samples per second of the importance-sampled nll."""
    found = {}
    for network in ("dense", "conv"):
        tell(f"evaluation, {network}")
        case = {"network": network, "images": MEASURED, "samples": SAMPLES}
        contenders = [
            Contender("keras_vae, evaluate.report", "peers.ours:importance", case, ours=True),
            Contender("PyTorch, a plain loop", "peers.pytorch:importance", case),
        ]
        found[network] = measured(contenders, rounds, tell)
    return found


def _elsewhere(place, **case):
    """What a function of a peer returns, called in a process of its own; JSON both ways."""
    module, function = place.split(":")
    program = (
        "import json, sys; out, sys.stdout = sys.stdout, sys.stderr; "
        f"from benchmarks.peers import {module} as peer; "
        f"print(json.dumps(peer.{function}(**json.loads(sys.argv[1]))), file=out)"
    )
    command = [sys.executable, "-c", program, json.dumps(case)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{place} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])
