"""The hand networks of a delivered folder: whole, damaged, exchanged, and only one of them."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset13

from action_recognition.errors import UserError
from action_recognition.hands.delivered_networks import read_delivered
from action_recognition.hands.network_names import HAND_IR, PALM_IR
from action_recognition.hands.networks import HandNetworks, network_paths, write_irs

_OUTPUTS = {PALM_IR: (192, (2016, 18), (2016, 1)), HAND_IR: (224, (63,), (1,), (1,), (63,))}


def write_networks(folder: Path, weight: float = 0.0) -> Path:
    """Write two networks with the ports of the real ones, which answer the sum of a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (side, *shapes) in _OUTPUTS.items():
        picture = opset13.parameter([1, side, side, 3], np.uint8, "picture")
        as_float = opset13.convert(picture, "f32")
        axes = np.array([0, 1, 2, 3])
        whole = opset13.reduce_sum(as_float, axes)
        results = []
        for number, shape in enumerate(shapes):
            weights = opset13.constant(np.full((1, *shape), weight, np.float32))
            weights.set_friendly_name(f"weights_{number}")
            results.append(opset13.multiply(whole, weights))
        openvino.save_model(
            openvino.Model(results, [picture], name), folder / name, compress_to_fp16=False
        )
    return folder


def test_networks_of_a_folder_are_taken(tmp_path: Path) -> None:
    folder = write_networks(tmp_path)
    assert network_paths(folder) == (folder / PALM_IR, folder / HAND_IR)
    networks = HandNetworks(folder, 1)
    assert len(networks.palms(np.zeros((20, 30, 3), np.uint8), min_score=0.9)) == 0


def _exchange(folder: Path) -> None:
    for suffix in (".xml", ".bin"):
        palm, hand = (Path(folder / name).with_suffix(suffix) for name in (PALM_IR, HAND_IR))
        shutil.move(palm, folder / "other")
        shutil.move(hand, palm)
        shutil.move(folder / "other", hand)


def _rewrite(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_exchange, "is another network: its input and outputs are 1x224x224x3, 1x63"),
        (
            functools.partial(write_networks, weight=np.nan),
            r"\d{4,} of \d+ weights of weights_\d are NaN",
        ),
        (functools.partial(write_networks, weight=np.inf), "are NaN or infinite"),
        (lambda folder: _rewrite(folder, PALM_IR, b"<net/>"), "is not a readable network"),
        (lambda folder: _rewrite(folder, "palm_detection.bin", b""), "is not a readable network"),
        (lambda folder: (folder / HAND_IR).unlink(), "hand_landmark.xml: there is no such file"),
        (lambda folder: (folder / "hand_landmark.bin").unlink(), "an IR is .xml and .bin together"),
    ],
)
def test_a_damaged_or_other_network_is_named(
    damage: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    folder = write_networks(tmp_path)
    damage(folder)
    with pytest.raises(UserError, match=message):
        HandNetworks(folder, 1)


def test_the_real_networks_pass(hand_models: Path, tmp_path: Path) -> None:
    """What export.py writes beside a model of landmarks."""
    for file in write_irs(hand_models, tmp_path):
        assert read_delivered(file).inputs
