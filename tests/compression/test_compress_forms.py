"""The gate over other INT8 forms: networks that keep a state, and the ONNX of photos."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from action_recognition.compression.accuracy_gate import GateRules
from action_recognition.compression.clip_store import GateClips, StoredClips
from action_recognition.compression.compress_forms import GateRun, compress_onnx, compress_stateful
from action_recognition.compression.compression_report import Compression, summary
from action_recognition.compression.onnx_qdq import onnx_layers
from action_recognition.data.annotations import ClipRecord
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.backends.pytorch import from_trained
from action_recognition.deploy.delivery.card import make_card, to_markdown
from action_recognition.deploy.delivery.made_clips import made_clips
from action_recognition.deploy.metadata import DeployMetadata, from_strings
from action_recognition.deploy.stream_models import open_stream_model
from action_recognition.export.stateful_export import stateful_network, write_stateful
from tests.export.test_stateful_export import causal_trained
from tests.made_photos import METADATA, drawn_hands, write_photo_model

LIMIT = 100.0


def gate_of(
    pixels: np.ndarray, metadata: DeployMetadata, max_drop: float, folds: int = 2
) -> GateRun:
    """Eight clips, two of them of validation, labelled in turn."""
    records = [
        ClipRecord(
            clip_start=0,
            clip_end=1,
            video_start=0,
            video_end=1,
            frame_rate_fps=1.0,
            path=Path(f"{i}"),
            label=i % len(metadata.labels),
            line=f"train.txt:{i}",
        )
        for i in range(len(pixels))
    ]
    clips = GateClips(
        StoredClips(records, pixels),
        np.arange(len(pixels)) >= len(pixels) - 2,
        np.arange(len(pixels)) % folds,
    )
    return GateRun(clips, metadata, GateRules(max_drop, calibration_clips=8))


def test_a_network_that_keeps_a_state_goes_through_the_gate(tmp_path: Path) -> None:
    folder, staging = tmp_path / "export", tmp_path / "staging"
    folder.mkdir()
    staging.mkdir()
    trained = causal_trained()
    network, metadata = stateful_network(trained, from_trained(trained, "0" * 64), 4)
    write_stateful(network, metadata, folder, as_onnx=True, as_openvino=True)
    gate = gate_of(made_clips(metadata, 8)[:8], from_trained(trained, "0" * 64), LIMIT, folds=1)
    found = compress_stateful(gate, folder, staging)
    assert list(found) == ["model_stream4_int8.xml"]
    compression = found["model_stream4_int8.xml"]
    ((given_back, drop),) = compression.trials
    assert (given_back, drop.num_clips) == (0, 8) and len(compression.quantised) > 5
    assert json.loads((staging / "compression_stream4.json").read_text())["folds"] == 1
    written, exact = (
        open_stream_model(path / name)
        for path, name in ((staging, next(iter(found))), (folder, "model_stream4.xml"))
    )
    assert written.metadata == exact.metadata


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_photo_model(tmp_path_factory.mktemp("photos"))


def photo_gate(max_drop: float) -> GateRun:
    pictures = np.stack([picture[:64, :64] for picture in drawn_hands(8)])
    return gate_of(
        np.ascontiguousarray(pictures.transpose(0, 3, 1, 2)[:, :, None]), METADATA, max_drop
    )


def nothing_given_back() -> Compression:
    return Compression([], [], [], [], {})


def test_photos_get_an_int8_onnx_that_says_what_it_is(photos: Path, tmp_path: Path) -> None:
    gate = photo_gate(LIMIT)
    (compression,) = compress_onnx(gate, photos, tmp_path, nothing_given_back()).values()
    path = tmp_path / "model_int8.onnx"
    written = onnx.load(path)
    assert from_strings({item.key: item.value for item in written.metadata_props}, "") == METADATA
    assert {"QuantizeLinear", "DequantizeLinear"} <= {node.op_type for node in written.graph.node}
    assert (
        len(compression.quantised) == len(onnx_layers(written)[0]) > 0
        and compression.trials[0][1].num_clips == 8
    )
    assert all(
        item.data_type != onnx.TensorProto.FLOAT
        for item in written.graph.initializer
        if len(item.dims) > 2 and item.dims[0] > 1
    )
    session = onnxruntime.InferenceSession(str(path))
    assert [item.name for item in (*session.get_inputs(), *session.get_outputs())] == [
        "input",
        "output",
    ]
    clips = gate.clips.stored.pixels
    scores, expected = (load_backend(item).scores(clips) for item in (path, photos / "model.onnx"))
    assert (
        ", int8," in load_backend(path).runs_as
        and ", f32," in load_backend(photos / "model.onnx").runs_as
    )
    assert 0 < np.abs(scores - expected).mean() < 0.3 * np.abs(expected - expected.mean(0)).mean()
    card = to_markdown(
        make_card(
            {
                "compression": summary(compression)
                | {"other_forms": {path.name: summary(compression)}}
            }
        )
    )
    assert "`model_int8.onnx`: Top-1 drops by" in card
    before = path.read_bytes()
    assert summary(compression) == summary(
        compress_onnx(gate, photos, tmp_path, nothing_given_back())["model_int8.onnx"]
    )
    assert path.read_bytes() == before


def test_an_int8_onnx_above_the_limit_is_not_written(photos: Path, tmp_path: Path) -> None:
    (compression,) = compress_onnx(
        photo_gate(-LIMIT - 1), photos, tmp_path, nothing_given_back()
    ).values()  # no drop is small enough
    assert (
        "is not written" in compression.facts["notes"][-1]
        and not (tmp_path / "model_int8.onnx").exists()
    )


def test_what_the_ir_gave_back_stays_floating(photos: Path, tmp_path: Path) -> None:
    conv = onnx_layers(onnx.load(photos / "model.onnx"))[1][0]
    (compression,) = compress_onnx(
        photo_gate(LIMIT), photos, tmp_path, replace(nothing_given_back(), given_back=[conv])
    ).values()
    assert [layer.name for layer in compression.given_back] == [conv.name]
    assert conv.name not in [layer.name for layer in compression.quantised]


def test_networks_for_clips_get_none(photos: Path, tmp_path: Path) -> None:
    gate = photo_gate(LIMIT)
    assert (
        compress_onnx(
            replace(gate, metadata=replace(METADATA, clip_len=8)),
            photos,
            tmp_path,
            nothing_given_back(),
        )
        == {}
    )
    assert compress_stateful(gate, photos, tmp_path) == {} and not list(tmp_path.iterdir())
