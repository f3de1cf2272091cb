"""Whole training runs on tiny data: what they learn, leave, refuse and go on from."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from action_recognition.checkpoint import load_trained_model, read_checkpoint
from action_recognition.errors import UserError
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train
from tests.tiny import LABELS, tiny_data, tiny_template
from tests.warm import warm_python


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"))


@pytest.fixture
def work_dir(tmp_path: Path) -> Path:
    return tiny_template(tmp_path / "work dir").parent


def options(data: Path, out: Path, **changes: Any) -> TrainOptions:
    given: dict[str, Any] = {
        "train_ann_files": [data / "train.txt"],
        "train_data_roots": [data],
        "val_ann_files": [data / "val.txt"],
        "val_data_roots": [data],
        "save_checkpoints_to": out,
        "gpu_num": 0,
    }
    return TrainOptions(**(given | changes))


def edit_template(work_dir: Path, *keys: str, value: Any) -> None:
    path = work_dir / "template.yaml"
    content = yaml.safe_load(path.read_text())
    section = content
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_trained_model(path).state_dict


def test_a_run_learns_motion_and_leaves_all_it_should(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    latest = train(work_dir, options(data, out, epochs=30))
    said = capsys.readouterr().out
    assert "device: CPU" in said
    assert "epoch 30/30" in said
    trained = load_trained_model(latest)
    assert trained.labels == LABELS
    assert trained.template.hyper_parameters.basic.epochs == 30
    assert trained.record["seed"] == 0
    assert "train.txt" in trained.record["annotation_sha256"]
    assert (out / "best.pth").is_file()
    assert (
        json.loads((out / "train_record.json").read_text())["packages"]["torch"]
        == torch.__version__.split("+")[0]
    )
    assert list((out / "tensorboard").glob("events.out.tfevents.*"))
    rows = (out / "log" / "metrics.csv").read_text().splitlines()
    columns = rows[0].split(",")
    accuracy = [
        float(row.split(",")[columns.index("val/accuracy")])
        for row in rows[1:]
        if row.split(",")[columns.index("val/accuracy")]
    ]
    assert len(accuracy) == 30
    assert max(accuracy[-5:]) >= 80.0, accuracy  # chance is 33


def test_frozen_epochs_change_only_the_head(data: Path, work_dir: Path, tmp_path: Path) -> None:
    edit_template(work_dir, "training", "schedule", "freeze_epochs", value=1)
    first = weights(train(work_dir, options(data, tmp_path / "a", epochs=2)))
    edit_template(work_dir, "training", "schedule", "freeze_epochs", value=2)
    frozen = weights(train(work_dir, options(data, tmp_path / "b", epochs=2)))
    start = weights(
        train(work_dir, options(data, tmp_path / "c", epochs=2, base_learning_rate=1e-12))
    )
    backbone = [name for name in start if name.startswith("backbone.")]
    assert backbone
    for name in backbone:  # weights, and batch statistics too
        assert torch.equal(frozen[name], start[name]), name
    assert not torch.equal(frozen["head.project.weight"], start["head.project.weight"])
    assert not torch.equal(first["backbone.stem.conv.weight"], start["backbone.stem.conv.weight"])


def test_going_on_equals_never_having_stopped(data: Path, work_dir: Path, tmp_path: Path) -> None:
    whole = weights(train(work_dir, options(data, tmp_path / "whole", epochs=4)))
    edit_template(work_dir, "hyper_parameters", "basic", "epochs", value=4)
    stop_after(2, work_dir, options(data, tmp_path / "parts"))
    resumed = weights(train(work_dir, options(data, tmp_path / "parts", resume_from="latest")))
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=0, atol=1e-6, msg=name)


def stop_after(epochs: int, work_dir: Path, given: TrainOptions) -> None:
    """Run as if for all epochs, and take the process away after some: the schedule must be that of
    the whole run.
    """
    import action_recognition.training.run as run

    original = run.L.Trainer

    def shorter(**settings: Any) -> Any:
        return original(**{**settings, "max_epochs": epochs})

    run.L.Trainer = shorter
    try:
        train(work_dir, given)
    finally:
        run.L.Trainer = original


def test_start_weights_are_taken_and_a_head_of_other_labels_starts_fresh(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = train(work_dir, options(data, tmp_path / "first"))
    tiny = {"epochs": 1, "base_learning_rate": 1e-12, "load_weights": source}
    same = weights(train(work_dir, options(data, tmp_path / "same", **tiny)))
    other = weights(
        train(work_dir, options(data, tmp_path / "other", classes=["a", "b", "c"], **tiny))
    )
    before = weights(source)
    for name in ("backbone.stem.conv.weight", "head.class_directions"):
        torch.testing.assert_close(same[name], before[name])
    torch.testing.assert_close(
        other["backbone.stem.conv.weight"], before["backbone.stem.conv.weight"]
    )
    assert not torch.allclose(other["head.class_directions"], before["head.class_directions"])
    assert "the head starts fresh" in capsys.readouterr().out


def test_a_damaged_clip_is_named_skipped_and_counted_or_stops_at_once(
    work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny_data(tmp_path / "data", clips_per_class=3)
    broken = data / "videos" / "train 1-1.mp4"
    broken.write_bytes(broken.read_bytes()[:300])
    train(work_dir, options(data, tmp_path / "out", batch_size=3))
    captured = capsys.readouterr()
    assert captured.err.count("train 1-1.mp4") == captured.err.count("skipped (train)") >= 1
    assert "train.txt:5" in captured.err
    assert "1 damaged clip skipped" in captured.out
    with pytest.raises(UserError, match=r"train 1-1\.mp4"):
        train(work_dir, options(data, tmp_path / "out2", batch_size=3, strict=True))


def test_all_that_is_wrong_with_the_annotations_is_said_before_anything_starts(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("videos/train 0-0.mp4 7 0 8 0 8 15\nvideos/absent.mp4 1 0 8 0 8 15\n")
    worse = shutil.copyfile(bad, tmp_path / "worse.txt")
    (tmp_path / "classes.json").write_text(json.dumps(LABELS))
    given = options(data, tmp_path / "out", train_ann_files=[bad], val_ann_files=[worse])
    with pytest.raises(UserError) as error:
        train(work_dir, given)
    assert len(error.value.problems) == 4
    for line in ("bad.txt:1", "bad.txt:2", "worse.txt:1", "worse.txt:2"):
        assert line in str(error.value)

    # A file that both splits name is told once.
    given = options(data, tmp_path / "out", train_ann_files=[bad], val_ann_files=[bad])
    with pytest.raises(UserError) as error:
        train(work_dir, given)
    assert len(error.value.problems) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("case", ["weights only", "other labels", "nothing left to do", "missing"])
def test_what_cannot_be_gone_on_from_is_refused(
    case: str, data: Path, work_dir: Path, tmp_path: Path
) -> None:
    if case == "missing":
        with pytest.raises(UserError, match="no such weights file"):
            train(work_dir, options(data, tmp_path / "none", resume_from="latest"))
        return
    latest = train(work_dir, options(data, tmp_path / "out"))
    changes: dict[str, Any] = {"resume_from": str(latest)}
    if case == "weights only":
        torch.save({"state_dict": weights(latest)}, tmp_path / "only.pth")
        changes["resume_from"] = str(tmp_path / "only.pth")
        expected = "holds weights only"
    elif case == "other labels":
        changes |= {"classes": ["a", "b", "c"], "epochs": 5}
        expected = "trained on other labels"
    else:
        expected = "has completed 2 epochs"
    with pytest.raises(UserError, match=expected):
        train(work_dir, options(data, tmp_path / "out", **changes))


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_saves_a_checkpoint_that_can_be_gone_on_from(
    signum: signal.Signals, code: int, data: Path, work_dir: Path, tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path; from action_recognition.errors import "
        "run_command as run;"
    )
    program += (
        "from action_recognition.commands.train import main; run(lambda: "
        "main(Path(sys.argv[1]), sys.argv[2:]))"
    )
    out = tmp_path / "out"
    flags = [
        f"--{split}-{name}" for split in ("train", "val") for name in ("ann-files", "data-roots")
    ]
    values = [str(data / "train.txt"), str(data), str(data / "val.txt"), str(data)]
    arguments = [part for pair in zip(flags, values, strict=True) for part in pair]
    arguments += ["--num-workers", "1", "--epochs", "4000", "--save-checkpoints-to", str(out)]
    command = [warm_python(), "-c", program, str(work_dir), *arguments]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 2/"):
            break
    time.sleep(0.2)
    process.send_signal(signum)
    rest, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert "interrupted: saved" in rest
    done = read_checkpoint(out / "latest.pth").content["epoch"]
    train(work_dir, options(data, out, epochs=int(done) + 2, resume_from="latest"))
    assert read_checkpoint(out / "latest.pth").content["epoch"] == done + 1


def test_an_annotation_file_may_be_named_under_its_root(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    latest = train(
        work_dir,
        options(
            data,
            tmp_path / "out",
            epochs=1,
            train_ann_files=[Path("train.txt")],
            val_ann_files=[Path("val.txt")],
        ),
    )
    assert set(load_trained_model(latest).record["annotation_sha256"]) == {"train.txt", "val.txt"}


def test_the_frame_rate_batch_and_mirror_notes_are_said(
    data: Path, work_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit_template(work_dir, "training", "augmentation", "flip", "label_swaps", value={})
    train(work_dir, options(data, tmp_path / "out", batch_size=64, epochs=1))
    said = capsys.readouterr().out
    assert "batch size 64 lowered to 18" in said
    assert "'to the left' keeps its label" in said


def test_a_run_from_the_frame_cache_equals_one_from_the_files(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    from_files = weights(train(work_dir, options(data, tmp_path / "files")))
    cached = weights(
        train(
            work_dir,
            options(data, tmp_path / "cached", frame_cache=tmp_path / "cache", num_workers=1),
        )
    )
    assert list((tmp_path / "cache").glob("*/*.frames"))
    for name, value in from_files.items():
        assert torch.equal(cached[name], value), name


def test_a_run_from_shards_equals_one_from_the_files(
    data: Path, work_dir: Path, tmp_path: Path
) -> None:
    from action_recognition.commands.data.make_shards import main as make_shards

    ann_files = f"{data / 'train.txt'},{data / 'val.txt'}"
    make_shards(
        ["--ann-files", ann_files, "--data-roots", str(data), "--output", str(tmp_path / "shards")]
    )
    roots = {
        f"{split}_data_roots": [Path(f"shards:{tmp_path}/shards/{split}-*.tar")]
        for split in ("train", "val")
    }
    from_files = weights(train(work_dir, options(data, tmp_path / "files")))
    sharded = weights(train(work_dir, options(data, tmp_path / "out", num_workers=1, **roots)))
    for name, value in from_files.items():
        assert torch.equal(sharded[name], value), name
