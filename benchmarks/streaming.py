"""Time of a prediction in a stream: a call of the stateful IR against the 16-frame window in FP32.

Figures, of the S3D network at 224x224:
    stateful_speedup_fp32, stateful_speedup_int8: over the FP32 window, for a call of 4 frames.
    stateful_speedup_fp32_1_frame: the window's time over that of four calls of one frame, which
        give a score after every frame.
    state_mb, state_1_frame_mb
The same with `lite0_` before EfficientNet-Lite0 at 224x224. Weights are random, f32 by hint. The
window is the faster of the exported one and of the step form fed all 16 frames at once. --quick
leaves out INT8 and Lite0.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/streaming.py` without an installed package

from action_recognition.checkpoint import TrainedModel
from action_recognition.compression.stateful_quantisation import int8_name, quantise_stateful
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips, made_video
from action_recognition.export.conversion import onnx_graph
from action_recognition.export.graph import build_deploy_network
from action_recognition.export.stateful_export import (
    stateful_names,
    stateful_network,
    write_stateful,
)
from action_recognition.models.build import build_recogniser
from action_recognition.openvino_core import openvino_core
from action_recognition.template import load_template_dir
from benchmarks import harness

TEMPLATES = {"": "causal-s3d-mobilenet-v3-stream", "lite0_": "causal-efficientnet-lite0-stream"}
NUM_CLASSES, WINDOW, SIDE, FRAMES_PER_CALL = 17, 16, 224, 4
CALIBRATION_FRAMES, CALIBRATION_CALLS = 96, 12


def random_model(name: str) -> TrainedModel:
    """A causal template's network with fresh weights, for windows of 16 frames of 224 pixels."""
    template, model = load_template_dir(
        harness.REPOSITORY / "model_templates" / "gesture_recognition" / name
    )
    clip_input = template.input.model_copy(
        update={"clip_len": WINDOW, "resize_short_side": 256, "crop_size": SIDE}
    )
    torch.manual_seed(0)
    network = build_recogniser(model, NUM_CLASSES)
    labels = tuple(f"gesture {number}" for number in range(NUM_CLASSES))
    template = template.model_copy(update={"input": clip_input})
    return TrainedModel(network.state_dict(), labels, template, model, {}, "0" * 64)


def write_models(trained: TrainedModel, folder: Path, *, int8: bool) -> dict[str, Path]:
    """The IRs to time, by name."""
    # Imported here: the package, above, has switched off its reports of use.
    import openvino

    metadata = from_trained(trained, "0" * 64)
    onnx.save(
        onnx_graph(build_deploy_network(trained, metadata), metadata.clip_shape),
        str(folder / "window.onnx"),
    )
    openvino.save_model(
        openvino.convert_model(folder / "window.onnx"),
        folder / "window.xml",
        compress_to_fp16=False,
    )
    paths = {"window, FP32": folder / "window.xml"}
    for frames in (1, FRAMES_PER_CALL, WINDOW):
        network, described = stateful_network(trained, metadata, frames)
        write_stateful(
            network, described, folder, as_onnx=frames == FRAMES_PER_CALL, as_openvino=True
        )
        paths[f"{frames} frames, stateful, FP32"] = folder / stateful_names(frames)[0]
    if int8:
        video = made_video(
            made_clips(replace(metadata, clip_len=WINDOW), 6)[:6], CALIBRATION_FRAMES
        )
        target = folder / int8_name(FRAMES_PER_CALL)
        quantise_stateful(
            folder / stateful_names(FRAMES_PER_CALL)[1], [video], target, CALIBRATION_CALLS
        )
        paths[f"{FRAMES_PER_CALL} frames, stateful, INT8"] = target
    return paths


def inference(path: Path, threads: int) -> tuple[Callable[[], object], int]:
    """A call, and the size of the states in bytes."""
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino_core().compile_model(openvino_core().read_model(path), "CPU", settings)
    port = compiled.inputs[0]
    pixels = (
        np.random.default_rng(0)
        .integers(0, 256, list(port.shape))
        .astype(port.get_element_type().to_dtype())
    )
    request = compiled.create_infer_request()
    request.infer({0: pixels})
    return partial(request.infer, {0: pixels}), sum(
        int(item.state.byte_size) for item in request.query_state()
    )


def measure(
    prefix: str, options: harness.Options
) -> tuple[dict[str, harness.Timing], dict[str, harness.Figure]]:
    with tempfile.TemporaryDirectory() as temporary:
        paths = write_models(
            random_model(TEMPLATES[prefix]), Path(temporary), int8=not options.quick
        )
        made = {name: inference(path, options.threads) for name, path in paths.items()}
        timings = harness.interleaved(
            {name: call for name, (call, _) in made.items()}, options.rounds(40), warm_up=3
        )
    every_frame, stateful = "1 frames, stateful, FP32", f"{FRAMES_PER_CALL} frames, stateful, FP32"
    window = timings[
        harness.fastest(
            {name: timings[name] for name in ("window, FP32", f"{WINDOW} frames, stateful, FP32")}
        )
    ]
    four_calls = harness.Timing(FRAMES_PER_CALL * timings[every_frame].seconds)
    figures = {
        "stateful_speedup_fp32": harness.ratio(window, timings[stateful]),
        "stateful_speedup_fp32_1_frame": harness.ratio(window, four_calls),
        "state_mb": harness.Figure(made[stateful][1] / 1e6),
        "state_1_frame_mb": harness.Figure(made[every_frame][1] / 1e6),
    }
    int8 = f"{FRAMES_PER_CALL} frames, stateful, INT8"
    if int8 in timings:
        figures["stateful_speedup_int8"] = harness.ratio(window, timings[int8])
    network = TEMPLATES[prefix].split("-stream")[0]
    named = {prefix + key: figure for key, figure in figures.items()}
    return {f"{network}: {name}": timing for name, timing in timings.items()}, named


def main(argv: Sequence[str] | None = None) -> None:
    options = harness.parse_arguments(__doc__ or "", argv)
    timings: dict[str, harness.Timing] = {}
    figures: dict[str, harness.Figure] = {}
    for prefix in TEMPLATES if not options.quick else [""]:
        found, of_it = measure(prefix, options)
        timings |= found
        figures |= of_it
    harness.report(
        "streaming", options, timings, figures, "f32", [f"OpenVINO {version('openvino')}"]
    )


if __name__ == "__main__":
    main()
