"""Live, end to end but for decoding and drawing: a stream through queue, engine and decision.

Frames of 640x480 at 30 a second are in memory, and arrive at their time. Each network takes those
of its own rate.
Figures, for each network:
    cpu_share_NAME: CPU time of the whole process over the time of the stream. 1 is one core.
    latency_p95_ms_NAME: from the arrival of a block's last frame to the decision on it.
Networks, with fresh weights and f32 by hint:
    s3d_fp32, s3d_int8: the causal S3D network, fed 4 frames of 224x224 a call, 15 frames a second.
    lite0_fp32: the causal Lite0 network, fed every frame of 144x144, 6 a second.
    s3d_window, lite0_window: the clip templates as sliding windows.
The stream is 20 s long, 5 s with --quick, which leaves out INT8. Run it with `--threads 1`.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/live.py` without an installed package

from action_recognition.checkpoint import TrainedModel
from action_recognition.compression.stateful_quantisation import int8_name, quantise_stateful
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.made_clips import made_clips, made_video
from action_recognition.deploy.stream_models import StreamModel, as_stream_model
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.export.stateful_export import (
    stateful_names,
    stateful_network,
    write_stateful,
)
from action_recognition.live.engine import StreamEngine
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.sources.reader_thread import FrameReader, PlayedAtItsRate
from action_recognition.models.build import build_recogniser
from action_recognition.template import load_template_dir
from benchmarks import harness

TEMPLATES = {
    "s3d": "causal-s3d-mobilenet-v3-stream",
    "lite0": "causal-efficientnet-lite0-stream",
    "s3d_window": "s3d-rgb-mobilenet-v3-stream-msasl",
    "lite0_window": "s3d-rgb-efficientnet-lite0-stream",
}
RATE_FPS = 30.0


class HeldFrames:
    """A few pictures again and again."""

    name, frame_rate_fps, is_live = "held frames", RATE_FPS, False

    def __init__(self, seconds: float) -> None:
        self._pictures = np.random.default_rng(0).integers(0, 256, (8, 480, 640, 3), dtype=np.uint8)
        self._num_frames = round(seconds * RATE_FPS)

    def frames(self) -> Iterator[TimedFrame]:
        for number in range(self._num_frames):
            yield TimedFrame(number / RATE_FPS, self._pictures[number % len(self._pictures)])

    def stop(self) -> None:
        self._num_frames = 0


def fresh(template_name: str) -> TrainedModel:
    """A template's network with fresh weights, and two labels where it has none."""
    template, model = load_template_dir(
        harness.REPOSITORY / "model_templates" / "gesture_recognition" / template_name
    )
    labels = tuple(template.labels) or ("one", "other")
    torch.manual_seed(0)
    return TrainedModel(
        build_recogniser(model, len(labels)).state_dict(), labels, template, model, {}, "0" * 64
    )


def written(name: str, folder: Path, int8: bool) -> dict[str, Path]:
    """The files to play, by the name of their figures."""
    trained = fresh(TEMPLATES[name])
    if name.endswith("window"):
        export_model(trained, folder, ExportOptions(onnx=False, check_clips=1), say=lambda _: None)
        return {name: folder / IR_FILE}
    metadata = from_trained(trained, "0" * 64)
    frames = 4 if metadata.frame_rate_fps >= 12 else 1
    stepped, described = stateful_network(trained, metadata, frames)
    write_stateful(stepped, described, folder, as_onnx=int8, as_openvino=True)
    ir, graph = (folder / file for file in stateful_names(frames))
    if not int8:
        return {f"{name}_fp32": ir}
    video = made_video(made_clips(metadata, 4)[:4], 48)
    return {
        f"{name}_fp32": ir,
        f"{name}_int8": quantise_stateful(graph, [video], folder / int8_name(frames)),
    }


def play(model: StreamModel, seconds: float) -> tuple[float, list[float], int]:
    """CPU share, latency of every prediction in milliseconds, frames dropped."""
    reader, engine = FrameReader(PlayedAtItsRate(HeldFrames(seconds))), StreamEngine(model)
    latencies_ms: list[float] = []
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    while (frame := reader.get()) is not None:
        results = engine.push(frame)
        latencies_ms += [1e3 * (time.monotonic() - frame.arrived_s)] * len(results)
    share = (time.process_time() - start_cpu_s) / (time.perf_counter() - start_s)
    return share, latencies_ms, reader.queue.num_dropped


def main(argv: Sequence[str] | None = None) -> None:
    options = harness.parse_arguments(__doc__ or "", argv)
    seconds = 5.0 if options.quick else 20.0
    figures: dict[str, harness.Figure] = {}
    notes = []
    for template in TEMPLATES:
        with tempfile.TemporaryDirectory() as temporary:
            for name, path in written(
                template, Path(temporary), int8=template == "s3d" and not options.quick
            ).items():
                model = as_stream_model(load_backend(path, options.threads))
                play(model, 4.0)  # warm-up
                share, latencies_ms, num_dropped = play(model, seconds)
                figures[f"cpu_share_{name}"] = harness.Figure(share)
                figures[f"latency_p95_ms_{name}"] = harness.Figure(
                    float(np.percentile(latencies_ms, 95))
                )
                notes.append(
                    f"{name}: {len(latencies_ms) / seconds:.1f} predictions/s, "
                    f"{num_dropped} frames dropped; {model.runs_as}"
                )
    harness.report("live", options, {}, figures, notes=notes)


if __name__ == "__main__":
    main()
