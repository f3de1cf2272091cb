"""One way to prepare a run: files are looked up and read once, and what is shown is what trains."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from action_recognition.errors import UserError
from action_recognition.training import prepared
from action_recognition.training.as_trained import trained_batches
from action_recognition.training.few_clips.small_data import train_small_data
from action_recognition.training.options import TrainOptions
from action_recognition.training.prepared import prepare
from action_recognition.training.run import train, train_prepared
from action_recognition.training.step.inputs import StepInputs
from action_recognition.training.studies.choose_study import Plan, carry_out
from tests.tiny import LABELS, causal_tiny_template, tiny_data, tiny_template

NEGATIVE = 2  # of LABELS: the class of no gesture, where a data set states one

_opened: Counter[str] | None = None


def _count(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is not None and event == "open" and "r" in str(arguments[1] or "r"):
        _opened[str(arguments[0])] += 1


sys.addaudithook(_count)  # cannot be taken away again: it counts only within `files_opened`


@contextmanager
def files_opened() -> Iterator[Counter[str]]:
    """Count how often each file is opened for reading within the block."""
    global _opened
    _opened = Counter()
    try:
        yield _opened
    finally:
        _opened = None


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


def options(data: Path, out: Path) -> TrainOptions:
    return TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[data / "val.txt"],
        val_data_roots=[data],
        save_checkpoints_to=out,
        gpu_num=0,
        epochs=1,
    )


@pytest.mark.parametrize("preset", [None, "small-data"])
def test_a_run_looks_up_and_reads_its_files_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, preset: str | None
) -> None:
    work_dir = tiny_template(tmp_path / "work").parent
    given = options(data, tmp_path / "out")
    if preset is not None:
        weights = train(work_dir, options(data, tmp_path / "start"))
        given = dataclasses.replace(given, load_weights=weights)
    found: list[Any] = []
    look_up = prepared.find_annotation_files
    for module in ("data.annotations", "data.labels", "training.prepared"):
        monkeypatch.setattr(
            f"action_recognition.{module}.find_annotation_files",
            lambda files, roots: found.extend(files) or look_up(files, roots),
        )
    with files_opened() as opened:
        carry_out(work_dir, given, Plan(preset=preset))
    assert sorted(found) == [data / "train.txt", data / "val.txt"]
    # Once for labels and checksum, once for the clips.
    assert opened[str(data / "train.txt")] == 2
    assert opened[str(data / "val.txt")] == 2
    assert opened[str(work_dir / "template.yaml")] == 1


@pytest.fixture
def negative_data(tmp_path: Path) -> Path:
    """Clips that begin within their videos, and a class of no gesture stated in dataset.json."""
    folder = tiny_data(tmp_path / "data", clips_per_class=2)
    text = (folder / "train.txt").read_text()
    (folder / "train.txt").write_text(text.replace(" 0 8 0 8 ", " 6 8 0 8 "))
    (folder / "dataset.json").write_text(json.dumps({"negative_label": LABELS[NEGATIVE]}))
    return folder


def test_what_is_shown_is_what_trains(
    negative_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_dir = causal_tiny_template(tmp_path / "work").parent
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []
    mixed = StepInputs.mixed

    def watched(self: StepInputs, *arguments: Any) -> tuple[torch.Tensor, torch.Tensor]:
        seen.append(mixed(self, *arguments))
        return seen[-1]

    monkeypatch.setattr(StepInputs, "mixed", watched)
    given = options(negative_data, tmp_path / "out")
    train(work_dir, given)
    trained = list(seen)
    seen.clear()
    batches = list(trained_batches(work_dir, given, len(trained)))
    assert len(batches) == len(trained) == len(seen) > 0
    for (clips, targets), (shown_clips, shown_targets) in zip(trained, seen, strict=True):
        torch.testing.assert_close(shown_clips, clips, rtol=0, atol=0)
        assert torch.equal(shown_targets, targets)

    # The steps before a gesture are of the negative class, and captions count from there.
    targets = torch.cat([targets for _, targets in trained])
    captions = [caption for batch in batches for caption in batch.captions]
    assert ((targets[:, 0] == NEGATIVE) & (targets[:, 1] != NEGATIVE)).any()
    for row, caption in zip(targets.tolist(), captions, strict=True):
        label, _, file = caption.partition("\n")
        assert file.endswith(".mp4")
        name, _, lead = label.partition(" from step ")
        own = [label == LABELS.index(name) for label in row]
        assert int(lead or 0) == (own.index(True) if any(own) else len(own))


def test_all_missing_annotation_files_are_named_at_once(data: Path, tmp_path: Path) -> None:
    work_dir = tiny_template(tmp_path / "work").parent
    given = dataclasses.replace(
        options(data, tmp_path / "out"),
        train_ann_files=[data / "tran.txt"],
        val_ann_files=[data / "vla.txt"],
    )
    with pytest.raises(UserError) as error:
        prepare(work_dir, given)
    assert "tran.txt" in str(error.value)
    assert "vla.txt" in str(error.value)


def test_a_prepared_run_trains_as_its_options_do(data: Path, tmp_path: Path) -> None:
    work_dir = tiny_template(tmp_path / "work").parent
    run = prepare(work_dir, options(data, tmp_path / "out"))
    assert (len(run.train), tuple(run.labels), run.template_epochs) == (
        2 * len(LABELS),
        LABELS,
        prepare(work_dir, dataclasses.replace(run.options, epochs=None)).template_epochs,
    )
    assert run.template.hyper_parameters.basic.epochs == 1
    assert train_prepared(run) == tmp_path / "out" / "latest.pth"
    record = json.loads((tmp_path / "out" / "train_record.json").read_text())
    assert record["annotation_sha256"] == run.annotation_sha256
    assert set(record["annotation_sha256"]) == {"train.txt", "val.txt"}


def test_the_preset_needs_a_prepared_run_with_start_weights(data: Path, tmp_path: Path) -> None:
    run = prepare(tiny_template(tmp_path / "work").parent, options(data, tmp_path / "out"))
    with pytest.raises(AssertionError, match="preset_problems"):
        train_small_data(run)
