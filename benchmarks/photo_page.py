"""Time of the page for photos in Chromium (WASM), in 32 and 8 bits, against OpenVINO.

The network is EfficientNet-Lite0 with its ImageNet weights: 224 pixels, whole photos padded, 1000
labels. It has a real size and real opinions. Photos are drawn hands of 640x480 as JPEG, or those of
a folder with --photos DIR. The agreement is measured, too. The 8 bits have the scales of 32 of
these photos, so their agreement says little about other photos.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from action_recognition.data.photo import read_photo
from action_recognition.deploy.metadata import DeployMetadata, Resize
from action_recognition.deploy.predictor import Prediction, Predictor
from action_recognition.models.pretrained import packaged_lite0_file, pixel_statistics
from action_recognition.models.tensor_names.image_forms import lite0_names_in_timm
from action_recognition.photos.page.server import PhotoServer
from action_recognition.photos.page.site import Site, open_site
from action_recognition.photos.photo_files import list_photos
from action_recognition.photos.photo_models import predict_photo
from benchmarks import harness
from tests.browser import chromium, started_playwright
from tests.made_photos import drawn_hands, write_int8_model, write_photo_model, write_photos

NAME = "tf_efficientnet_lite0"
NUM_PHOTOS = 200
NUM_TO_QUANTISE_ON = 32


class Lite0(nn.Module):
    """(1, 3, 1, 224, 224) float 0..255 -> logits (1, 1000)."""

    mean: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        import timm

        self.network = timm.create_model(NAME, pretrained=False)
        file = packaged_lite0_file()
        assert file is not None
        renamed = lite0_names_in_timm() | {
            "_fc.weight": "classifier.weight",
            "_fc.bias": "classifier.bias",
        }
        weights = torch.load(file, weights_only=True)
        self.network.load_state_dict(
            {renamed.get(name, name): value for name, value in weights.items()}, strict=False
        )
        mean, scale = (torch.tensor(values).view(1, 3, 1, 1) for values in pixel_statistics(NAME))
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, clips: Tensor) -> Tensor:
        logits: Tensor = self.network((clips[:, :, 0] - self.mean) / self.scale)
        return logits


def metadata() -> DeployMetadata:
    mean, scale = pixel_statistics(NAME)
    return DeployMetadata(
        labels=tuple(f"class {i}" for i in range(1000)),
        clip_len=1,
        frame_rate_fps=1.0,
        resize=Resize(None, 224),
        mean_values=tuple(mean),
        scale_values=tuple(scale),
        score_scale=1.0,
        template="imagenet",
        weights_sha256="0" * 64,
        output_kind="logits",
    )


class Seen(NamedTuple):
    """Return seconds until the page is ready, ms of inferences, probabilities (N, 1000), engine."""

    ready_s: float
    times_ms: list[float]
    probabilities: np.ndarray
    where: str


def served(site: Site, files: Sequence[Path]) -> Seen:
    """The page with the first network that it offers."""
    with PhotoServer(site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        seen = in_browser(server.address, files)
        server.shutdown()
    return seen


def in_browser(address: str, files: Sequence[Path]) -> Seen:
    with started_playwright() as playwright, chromium(playwright) as browser:
        page = browser.new_page()
        page.goto(address)
        page.wait_for_selector("body[data-ready]", timeout=120_000)
        ready_s = float(page.get_attribute("body", "data-ready") or "nan") / 1e3
        times_ms = []
        for number, file in enumerate(files, start=1):
            page.set_input_files("#files", str(file))
            page.wait_for_function(
                "n => document.querySelectorAll('#rows tr').length === n",
                arg=number,
                timeout=60_000,
            )
            times_ms.append(float(page.inner_text("#latency").split()[0]))
        return Seen(ready_s, times_ms, _probabilities(page), page.inner_text("#about"))


def write_int8(folder: Path, files: Sequence[Path]) -> Path:
    """model_int8.onnx beside model.onnx, by some of the photos."""
    predictor = Predictor.from_path(folder / "model.onnx")
    chosen = files[:: max(1, len(files) // NUM_TO_QUANTISE_ON)]
    return write_int8_model(
        folder, metadata(), [predictor.prepare(read_photo(file)[None], 1.0) for file in chosen]
    )


def _probabilities(page: Any) -> np.ndarray:
    with page.expect_download() as download:
        page.click("#csv")
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"))))
    return np.array([[float(cell) for cell in row[3:]] for row in rows[1:]])


def in_python(
    model: Path, files: Sequence[Path], threads: int
) -> tuple[list[float], list[Prediction]]:
    """ms of each photo without reading it, and what is said of it."""
    predictor, times_ms, found = Predictor.from_path(model, num_threads=threads), [], []
    for file in files:
        photo = read_photo(file)
        clip = predictor.prepare(photo[None], 1.0)
        start = time.perf_counter()
        predictor.backend.scores(clip[None])
        times_ms.append((time.perf_counter() - start) * 1e3)
        found.append(predict_photo(predictor, photo))
    return times_ms, found


def main(argv: Sequence[str] | None = None) -> None:
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument(
        "--photos", type=Path, metavar="DIR", help="a folder of photos instead of drawn ones"
    )
    arguments, rest = own.parse_known_args(sys.argv[1:] if argv is None else argv)
    options = harness.parse_arguments(__doc__ or "", rest)
    number = 20 if options.quick else NUM_PHOTOS
    with tempfile.TemporaryDirectory() as temporary:
        folder = write_photo_model(Path(temporary) / "export", metadata(), Lite0())
        every = (
            list_photos(arguments.photos)[0]
            if arguments.photos
            else write_photos(Path(temporary), drawn_hands(number, 640, 480))
        )
        files = [every[i * len(every) // number] for i in range(min(number, len(every)))]
        full = served(open_site(folder), files)
        python_ms, found = in_python(folder / "model.xml", files, options.threads)
        int8_mb = write_int8(folder, files).stat().st_size / 1e6
        int8 = served(open_site(folder), files)
    ours = np.array(
        [[prediction.probability_of(label) for label in metadata().labels] for prediction in found]
    )
    seconds = {"browser": full.times_ms, "browser, INT8": int8.times_ms, "openvino": python_ms}
    timings = {name: harness.Timing(np.array(times_ms) / 1e3) for name, times_ms in seconds.items()}
    figures = {
        "page_ready_s": harness.Figure(full.ready_s),
        "page_ready_int8_s": harness.Figure(int8.ready_s),
        "wasm_over_openvino": harness.ratio(timings["browser"], timings["openvino"]),
        "wasm_int8_over_fp32": harness.ratio(timings["browser, INT8"], timings["browser"]),
        "largest_difference": harness.Figure(float(np.abs(full.probabilities - ours).max())),
        "same_top1": harness.Figure(float((full.probabilities.argmax(1) == ours.argmax(1)).mean())),
        "int8_same_top1": harness.Figure(
            float((int8.probabilities.argmax(1) == ours.argmax(1)).mean())
        ),
        "onnx_int8_mb": harness.Figure(int8_mb),
    }
    harness.report(
        "photo_page",
        options,
        timings,
        figures,
        notes=[full.where, int8.where, f"{len(files)} photos"],
    )


if __name__ == "__main__":
    main()
