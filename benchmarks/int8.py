"""Time of a clip in INT8 against FP32, and against NNCF's plain quantisation of the same IR.

Figures, in OpenVINO:
    speedup_s3d_mobilenet_v3 (16 x 224 x 224), speedup_s3d_efficientnet_lite0 (its template's
        input): time in FP32 over time of model_int8.xml.
    speedup_over_plain_ptq: plain over ours, the worse network.
Weights are random. What is not quantised computes in f32 by hint, so FP32 means f32. The notes name
the precision of each network's layers.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/int8.py` without an installed package

from action_recognition.checkpoint import TrainedModel
from action_recognition.compression.post_training import quantise
from action_recognition.deploy.backends import OpenVinoBackend, load_backend, network_input
from action_recognition.deploy.delivery.benchmark_process import computes_in
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.deploy.metadata import DeployMetadata, write_openvino
from action_recognition.models.build import build_recogniser
from action_recognition.openvino_core import in_own_thread, openvino_core
from action_recognition.template import load_template_dir
from benchmarks import harness
from benchmarks.window_inference import export_ours, random_model

NETWORKS = ("s3d_mobilenet_v3", "s3d_efficientnet_lite0")
NUM_CLIPS = 8


def random_network(network: str) -> TrainedModel:
    """A network with fresh weights."""
    if network == "s3d_mobilenet_v3":
        return random_model("msasl")
    folder = (
        harness.REPOSITORY
        / "model_templates"
        / "gesture_recognition"
        / "s3d-rgb-efficientnet-lite0-stream"
    )
    template, model = load_template_dir(folder)
    labels = tuple(f"gesture {number}" for number in range(17))
    torch.manual_seed(0)
    return TrainedModel(
        build_recogniser(model, len(labels)).state_dict(), labels, template, model, {}, "0" * 64
    )


def plain_ptq(model: Any, clips: Sequence[Any], metadata: DeployMetadata) -> Any:
    """As NNCF's documentation does it: the model and a data set, nothing else chosen."""
    # Imported here: the package, above, has switched off its reports of use.
    import nncf

    dataset = nncf.Dataset(clips, lambda clip: network_input(clip[None], metadata))
    return in_own_thread(lambda: nncf.quantize(model, dataset, subset_size=len(clips)))


def make_variants(network: str, folder: Path) -> dict[str, Path]:
    """FP32, plain and ours, as files."""
    import openvino

    paths = {"FP32": export_ours(random_network(network), folder)}
    metadata = load_backend(paths["FP32"], 1).metadata
    clips = list(made_clips(metadata, NUM_CLIPS)[:NUM_CLIPS])
    for name, method in (("plain", plain_ptq), ("INT8", quantise)):
        model = method(openvino_core().read_model(paths["FP32"]), clips, metadata)
        write_openvino(model, metadata)
        paths[name] = folder / f"{name}.xml"
        openvino.save_model(model, paths[name], compress_to_fp16=False)
    return paths


def inference(path: Path, threads: int) -> tuple[Callable[[], object], str]:
    """A call that scores one random clip, and what its layers compute in."""
    backend = load_backend(path, threads)
    assert isinstance(backend, OpenVinoBackend)
    clip = np.random.default_rng(0).integers(0, 256, (1, *backend.metadata.clip_shape), np.uint8)
    request, values = backend.compiled.create_infer_request(), network_input(clip, backend.metadata)
    return partial(request.infer, {0: values}), computes_in(backend)


def main(argv: Sequence[str] | None = None) -> None:
    options = harness.parse_arguments(__doc__ or "", argv)
    timings: dict[str, harness.Timing] = {}
    figures: dict[str, harness.Figure] = {}
    over_plain, notes = [], [f"OpenVINO {version('openvino')}, NNCF {version('nncf')}"]
    for network in NETWORKS:
        with tempfile.TemporaryDirectory() as temporary:
            timed = {}
            for name, path in make_variants(network, Path(temporary)).items():
                timed[name], precisions = inference(path, options.threads)
                notes.append(f"{network} {name}: {precisions}")
            measured = harness.interleaved(timed, options.rounds(60), warm_up=3)
        timings |= {f"{network} {name}": timing for name, timing in measured.items()}
        figures[f"speedup_{network}"] = harness.ratio(measured["FP32"], measured["INT8"])
        over_plain.append(harness.ratio(measured["plain"], measured["INT8"]))
    figures["speedup_over_plain_ptq"] = min(over_plain, key=lambda figure: figure.value)
    harness.report("int8", options, timings, figures, notes=notes)


if __name__ == "__main__":
    main()
