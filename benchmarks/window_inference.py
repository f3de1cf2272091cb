"""Time of one window in OpenVINO: the exported IR against the same network as plain Conv3d.

Figures: time_over_reference_msasl (16 frames), time_over_reference_jester (8 frames), and
time_over_reference, the worse of both. 1 is equal, below is faster. Weights are random, f32 by
hint, both IRs by the same converter and read back from disk. The folded form is timed beside (not
with --quick), to show why it is not the one exported.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import nn

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/window_inference.py` without an installed package

from action_recognition.checkpoint import TrainedModel
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.export.conversion import onnx_graph
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.models.build import build_recogniser
from action_recognition.models.convolutions import ConvForm
from action_recognition.models.recogniser import Normalize
from action_recognition.openvino_core import openvino_core
from action_recognition.template import load_template_dir
from benchmarks import harness

VARIANTS = ("msasl", "jester")


def random_model(variant: str) -> TrainedModel:
    """A published template's network with fresh weights."""
    folder = (
        harness.REPOSITORY
        / "model_templates"
        / "gesture_recognition"
        / f"s3d-rgb-mobilenet-v3-stream-{variant}"
    )
    template, model = load_template_dir(folder)
    torch.manual_seed(0)
    network = build_recogniser(model, len(template.labels))
    return TrainedModel(network.state_dict(), tuple(template.labels), template, model, {}, "0" * 64)


def export_ours(trained: TrainedModel, folder: Path) -> Path:
    export_model(trained, folder, ExportOptions(onnx=False, check_clips=1), say=lambda _: None)
    return folder / IR_FILE


def export_plain(trained: TrainedModel, form: ConvForm, folder: Path) -> Path:
    """The network as it stands, by the same way from torch to the file."""
    folder.mkdir()
    # Imported here: the package, above, has switched off its reports of use.
    import openvino

    clip_input = trained.template.frames
    recogniser = build_recogniser(trained.model, len(trained.labels), form)
    recogniser.load_state_dict(trained.state_dict)
    network = nn.Sequential(
        Normalize(clip_input.mean_values, clip_input.scale_values), recogniser
    ).eval()
    onnx.save(
        onnx_graph(network, (3, clip_input.clip_len, clip_input.crop_size, clip_input.crop_size)),
        str(folder / "plain.onnx"),
    )
    openvino.save_model(
        openvino.convert_model(folder / "plain.onnx"), folder / "plain.xml", compress_to_fp16=False
    )
    return folder / "plain.xml"


def inference(path: Path, threads: int) -> tuple[Callable[[], object], str]:
    """A call that scores one random clip, and the precision that the plugin says it computes in."""
    settings = {
        "INFERENCE_PRECISION_HINT": "f32",
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino_core().compile_model(path, "CPU", settings)
    clip = (
        np.random.default_rng(0).integers(0, 256, list(compiled.inputs[0].shape)).astype(np.float32)
    )
    precision = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return partial(compiled.create_infer_request().infer, {0: clip}), precision


def main(argv: Sequence[str] | None = None) -> None:
    options = harness.parse_arguments(__doc__ or "", argv)
    timings: dict[str, harness.Timing] = {}
    figures: dict[str, harness.Figure] = {}
    precisions = set()
    for variant in VARIANTS:
        trained = random_model(variant)
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            paths = {
                "ours": export_ours(trained, folder / "ours"),
                "Conv3d": export_plain(trained, "conv3d", folder / "conv3d"),
            }
            if not options.quick:
                paths["folded"] = export_plain(trained, "folded", folder / "folded")
            timed = {}
            for name, path in paths.items():
                timed[name], precision = inference(path, options.threads)
                precisions.add(precision)
            measured = harness.interleaved(timed, options.rounds(40), warm_up=3)
        timings |= {f"{variant} {name}": timing for name, timing in measured.items()}
        figures[f"time_over_reference_{variant}"] = harness.ratio(
            measured["ours"], measured["Conv3d"]
        )
    figures["time_over_reference"] = max(figures.values(), key=lambda figure: figure.value)
    harness.report(
        "window_inference",
        options,
        timings,
        figures,
        "+".join(sorted(precisions)),
        [f"OpenVINO {version('openvino')}"],
    )


if __name__ == "__main__":
    main()
