"""Whole runs with the modern recipe: averaged weights, augmentation, early stop, going on, numbers
that are none.
"""

from __future__ import annotations

import math
import shutil
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import Callback

import action_recognition.training.engine as engine_module
from action_recognition.checkpoint import read_checkpoint
from action_recognition.data.annotations import read_annotations
from action_recognition.data.batches import Batch
from action_recognition.data.clip_orders import ClassBalancedSampler
from action_recognition.errors import UserError
from action_recognition.models.build import build_recogniser
from action_recognition.schedules import ScaledCosine
from action_recognition.template import load_template_dir
from action_recognition.training.reporting.callbacks import FiniteLoss
from action_recognition.training.run import train
from action_recognition.training.step.module import GestureTraining
from tests.tiny import LABELS, modern_recipe, tiny_data, tiny_template
from tests.training.test_run import edit_template, options, stop_after, weights

MIXED = {"type": "mixup", "alpha": 0.4, "probability": 0.7}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return with_recipe(tiny_template(tmp_path / "work dir").parent)


def with_recipe(work_dir: Path, **changes: Any) -> Path:
    edit_template(work_dir, "training", value=modern_recipe(**changes))
    edit_template(
        work_dir,
        "hyper_parameters",
        "basic",
        value={"batch_size": 6, "base_learning_rate": 0.02, "epochs": 4},
    )
    return work_dir


@pytest.fixture(scope="module")
def one_epoch(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one epoch of the plain recipe leaves. A test that changes it takes a copy."""
    folder = tmp_path_factory.mktemp("one epoch")
    work_dir = with_recipe(tiny_template(folder / "work dir").parent)
    return train(work_dir, options(data, folder / "out", epochs=1)).parent


class Watch(Callback):
    """Keeps the clips and the weights with which steps were taken and validated."""

    def __init__(self) -> None:
        self.clips: list[torch.Tensor] = []
        self.validated: dict[str, torch.Tensor] = {}
        self.sampler: Any = None

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: Batch, batch_idx: int
    ) -> None:
        self.clips.append(batch.clips.clone())
        self.sampler = trainer.train_dataloader.sampler

    def on_validation_batch_start(
        self,
        trainer: L.Trainer,
        pl_module: Any,
        batch: Batch,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        self.validated = {
            name: value.clone() for name, value in pl_module.network.state_dict().items()
        }


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """A look into runs, beside what they do by themselves."""
    seen, original = Watch(), engine_module._recipe_callbacks
    monkeypatch.setattr(
        engine_module, "_recipe_callbacks", lambda *given: [*original(*given), seen]
    )
    return seen


def current(path: Path) -> dict[str, torch.Tensor]:
    """The weights that training goes on with, of a checkpoint with averaged ones."""
    return {
        name.removeprefix("network."): value
        for name, value in read_checkpoint(path).content["current_model_state"].items()
    }


def test_the_modern_recipe_learns_motion(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_recipe(work_dir, ema_decay=0.9)
    train(work_dir, options(data, tmp_path / "out", epochs=30))
    accuracy = [
        float(line.split("val top-1 ")[1].split(" %")[0])
        for line in capsys.readouterr().out.splitlines()
        if "val top-1" in line
    ]
    assert max(accuracy[-5:]) >= 80.0, accuracy  # chance is 33


def test_the_averaged_weights_are_what_is_validated_and_saved(
    data: Path, work_dir: Path, tmp_path: Path, watch: Watch
) -> None:
    one_step = {"batch_size": 18}
    edit_template(work_dir, "training", "ema_decay", value=0.9)
    stop_after(1, work_dir, options(data, tmp_path / "first", **one_step))
    first = current(tmp_path / "first" / "latest.pth")
    stop_after(2, work_dir, options(data, tmp_path / "second", **one_step))
    saved, second = (
        weights(tmp_path / "second" / "latest.pth"),
        current(tmp_path / "second" / "latest.pth"),
    )
    for name in (
        "backbone.stem.conv.weight",
        "backbone.last.norm.running_var",
        "head.class_directions",
    ):
        # The first average is the first weights, and the second takes 1 - min(0.9, 2 / 11) of what
        # is new.
        torch.testing.assert_close(saved[name], first[name] + (second[name] - first[name]) * 9 / 11)
        assert torch.equal(saved[name], watch.validated[name]), name
        assert not torch.equal(saved[name], second[name]), name


def test_ctrl_c_within_a_validation_saves_the_average_as_the_average(
    data: Path, work_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupt(Callback):
        def on_validation_batch_start(self, trainer: L.Trainer, *_: Any, **__: Any) -> None:
            if trainer.current_epoch == 1:
                signal.raise_signal(signal.SIGINT)

    edit_template(work_dir, "training", "ema_decay", value=0.9)
    stop_after(2, work_dir, options(data, tmp_path / "whole"))
    original = engine_module._recipe_callbacks
    monkeypatch.setattr(
        engine_module, "_recipe_callbacks", lambda *given: [*original(*given), Interrupt()]
    )
    with pytest.raises(KeyboardInterrupt):
        train(work_dir, options(data, tmp_path / "cut"))
    for read in (weights, current):
        whole, cut = read(tmp_path / "whole" / "latest.pth"), read(tmp_path / "cut" / "latest.pth")
        for name, value in whole.items():
            assert torch.equal(cut[name], value), name


def test_averaging_changes_nothing_of_how_the_run_learns(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    plain = weights(train(work_dir, options(data, tmp_path / "plain")))
    averaged = current(
        train(with_recipe(work_dir, ema_decay=0.9), options(data, tmp_path / "averaged"))
    )
    for name, value in plain.items():
        torch.testing.assert_close(averaged[name], value, rtol=0, atol=0, msg=name)


def test_going_on_with_all_ingredients_equals_never_having_stopped(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    with_recipe(
        work_dir,
        ema_decay=0.9,
        mix=MIXED,
        feature_dropout=0.2,
        batch_norm="frozen",
        frozen_blocks=1,
        sampling="class_balanced",
    )
    whole = train(work_dir, options(data, tmp_path / "whole"))
    stop_after(2, work_dir, options(data, tmp_path / "parts"))
    parts = train(work_dir, options(data, tmp_path / "parts", resume_from="latest"))
    for read in (weights, current):
        resumed = read(parts)
        for name, value in read(whole).items():
            torch.testing.assert_close(resumed[name], value, rtol=0, atol=1e-6, msg=name)


def test_clips_are_augmented_in_batches_each_step_otherwise(
    data: Path, work_dir: Path, tmp_path: Path, watch: Watch
) -> None:
    train(work_dir, options(data, tmp_path / "out", epochs=1, batch_size=18))
    train(work_dir, options(data, tmp_path / "again", epochs=1, batch_size=18))
    train(work_dir, options(data, tmp_path / "other seed", epochs=2, batch_size=18, seed=1))
    first, again, other, next_step = watch.clips
    assert first.shape == (18, 3, 4, 32, 32)  # the crop, of a canvas that is larger
    assert first.dtype == torch.float32
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(other, next_step)


def test_a_clip_that_is_read_the_same_twice_is_augmented_otherwise(
    data: Path, work_dir: Path, tmp_path: Path, watch: Watch
) -> None:
    still = {
        "temporal_jitter": False,
        "temporal_speed_max": 1.0,
        "flip": {"probability": 0.0, "label_swaps": {}},
    }
    with_recipe(work_dir, augmentation=modern_recipe()["augmentation"] | still)
    edit_template(work_dir, "input", "clip_len", value=8)  # the whole clip: no other window to draw
    line = (data / "train.txt").read_text().splitlines()[0]
    (tmp_path / "twice.txt").write_text(f"{line}\n{line}\n")
    train(
        work_dir,
        options(
            data,
            tmp_path / "out",
            train_ann_files=[tmp_path / "twice.txt"],
            classes=LABELS,
            epochs=2,
        ),
    )
    first, second = watch.clips
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    "changes",
    [
        {"mix": MIXED | {"probability": 1.0}},
        {"loss": {"type": "cross_entropy", "scale": 15.0, "label_smoothing": 0.4}},
        {"feature_dropout": 0.5},
        {"sampling": "class_balanced"},
        {"batch_norm": "frozen"},
        {"frozen_blocks": 1},
        {"schedule": {"type": "cosine", "freeze_epochs": 0, "warmup_share": 0.5}},
        {
            "optimizer": {
                "type": "sgd",
                "momentum": 0.9,
                "weight_decay": 0.02,
                "gradient_clip_norm": 5.0,
                "layer_decay": 0.9,
            }
        },
        {
            "optimizer": {
                "type": "adamw",
                "weight_decay": 0.02,
                "gradient_clip_norm": 5.0,
                "layer_decay": 0.5,
            }
        },
    ],
    ids=lambda changes: "-".join(changes),
)
def test_each_key_of_the_recipe_changes_what_is_learned(
    changes: dict[str, Any], data: Path, work_dir: Path, one_epoch: Path, tmp_path: Path
) -> None:
    before = weights(one_epoch / "latest.pth")
    after = weights(
        train(with_recipe(work_dir, **changes), options(data, tmp_path / "after", epochs=1))
    )
    assert not torch.equal(before["head.project.weight"], after["head.project.weight"])


def test_class_balanced_sampling_reaches_the_loader(
    data: Path, work_dir: Path, tmp_path: Path, watch: Watch
) -> None:
    train(
        with_recipe(work_dir, sampling="class_balanced"), options(data, tmp_path / "out", epochs=1)
    )
    assert isinstance(watch.sampler, ClassBalancedSampler)


def test_a_run_that_gets_no_better_stops_early(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_recipe(work_dir, early_stop_epochs=2)
    train(work_dir, options(data, tmp_path / "out", epochs=30, base_learning_rate=1e-12))
    said = capsys.readouterr().out
    assert "epoch 3/30" in said
    assert "epoch 4/30" not in said
    assert "stopped early: no better validation for 2 epochs" in said


def test_a_loss_that_is_no_number_ends_the_run_names_the_clips_and_keeps_the_checkpoints(
    data: Path, work_dir: Path, one_epoch: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(one_epoch, tmp_path / "out")
    kept = {name: (out / name).read_bytes() for name in ("latest.pth", "best.pth")}
    with pytest.raises(UserError) as error:
        train(work_dir, options(data, out, base_learning_rate=1e30))
    (problem,) = error.value.problems
    assert "became nan in epoch 1" in problem.found
    assert problem.found.count("train.txt:") == 6  # the clips of the batch, and no others
    assert problem.found.count(".mp4") == 6
    assert {name: (out / name).read_bytes() for name in kept} == kept


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_ends_the_run_too(
    value: float, data: Path, work_dir: Path
) -> None:
    template, model = load_template_dir(work_dir)
    network = build_recogniser(model, 3)
    given: dict[str, Any] = {
        "base_learning_rate": 0.1,
        "schedule": ScaledCosine(0, 0.0, 1),
        "steps_per_epoch": lambda: 1,
    }
    description = {"labels": list(LABELS)}
    module = GestureTraining(network, template, model, **given, description=description, seed=0)
    batch = Batch(torch.zeros(2, 3, 4, 32, 32), torch.tensor([0, 1]), torch.tensor([4, 7]), [])
    check = FiniteLoss(read_annotations([data / "train.txt"], [data], LABELS))
    trainer: Any = SimpleNamespace(current_epoch=2, global_step=9)
    network.head.project.weight.grad = torch.full_like(network.head.project.weight, value)
    module.configure_gradient_clipping(torch.optim.SGD(network.parameters(), lr=0.1), 5.0)
    check.on_train_batch_start(trainer, module, batch, 0)
    with pytest.raises(
        UserError,
        match=r"gradient's norm became (nan|inf) in epoch 3.*train\.txt:5 .*train\.txt:8 ",
    ):
        check.on_train_batch_end(trainer, module, {"loss": 1.0}, batch, 0)


def test_gradients_are_clipped_to_the_templates_norm(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    changes = {
        "optimizer": {
            "type": "sgd",
            "momentum": 0.0,
            "weight_decay": 0.0,
            "gradient_clip_norm": 1e-9,
            "layer_decay": 1.0,
        }
    }
    edit_template(work_dir, "training", value=modern_recipe(**changes))
    start = weights(
        train(work_dir, options(data, tmp_path / "start", epochs=1, base_learning_rate=1e-12))
    )
    clipped = weights(train(work_dir, options(data, tmp_path / "clipped", epochs=1)))
    torch.testing.assert_close(
        clipped["head.project.weight"], start["head.project.weight"], rtol=0, atol=1e-7
    )


@pytest.mark.parametrize("case", ["network", "optimizer", "ema_decay"])
def test_a_checkpoint_of_another_network_or_recipe_is_not_gone_on_from(
    case: str, data: Path, work_dir: Path, one_epoch: Path, tmp_path: Path
) -> None:
    shutil.copytree(one_epoch, tmp_path / "out")
    if case == "network":
        model = yaml.safe_load((work_dir / "model.yaml").read_text())
        model["head"]["embedding_size"] = 8
        (work_dir / "model.yaml").write_text(yaml.safe_dump(model))
    elif case == "optimizer":
        edit_template(work_dir, "training", "optimizer", "layer_decay", value=0.5)
    else:
        edit_template(work_dir, "training", "ema_decay", value=0.9)
    expected = {
        "network": "another network than model.yaml",
        "optimizer": r"training\.optimizer\.layer_decay: [\d.]+ before, 0\.5 now",
        "ema_decay": r"training\.ema_decay: null before, 0\.9 now",
    }[case]
    with pytest.raises(UserError, match=expected):
        train(work_dir, options(data, tmp_path / "out", epochs=4, resume_from="latest"))


def test_classes_without_training_clips_are_named(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (data / "train.txt").read_text().splitlines()
    (tmp_path / "few.txt").write_text(
        "\n".join(line for line in lines if line.split(".mp4 ")[1].startswith("0")) + "\n"
    )
    names = [*LABELS, "a fourth"]
    train(
        work_dir,
        options(
            data, tmp_path / "out", epochs=1, train_ann_files=[tmp_path / "few.txt"], classes=names
        ),
    )
    notes = [line for line in capsys.readouterr().out.splitlines() if "no training clip" in line]
    assert notes == [
        "note: no training clip of 'a fourth'; the network cannot learn what it never sees",
        "note: validation clips but no training clip of 'to the right', 'no gesture'; they can "
        "only be wrong",
    ]


def test_a_frozen_backbone_without_start_weights_is_said(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = {"type": "cosine", "freeze_epochs": 2, "warmup_share": 0.0}
    source = train(
        with_recipe(work_dir, schedule=schedule, frozen_blocks=1, batch_norm="frozen"),
        options(data, tmp_path / "out"),
    )
    (note,) = [line for line in capsys.readouterr().out.splitlines() if "untrained" in line]
    for part in (
        "schedule.freeze_epochs to 0 (now 2",
        "frozen_blocks to 0 (now 1)",
        "batch_norm to train",
        "--load-weights",
    ):
        assert part in note
    train(work_dir, options(data, tmp_path / "loaded", epochs=1, load_weights=source))
    assert "untrained" not in capsys.readouterr().out


def test_more_frozen_blocks_than_there_are_is_refused(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"training\.frozen_blocks: found 5; allowed: 0 to 4"):
        train(with_recipe(work_dir, frozen_blocks=5), options(data, tmp_path / "out"))
