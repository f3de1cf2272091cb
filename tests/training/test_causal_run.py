"""A causal template through all commands: train, export with its state, evaluate; and what does not
go together.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from action_recognition.checkpoint import load_trained_model
from action_recognition.errors import UserError
from action_recognition.evaluation.evaluate_clips import EvalOptions, evaluate
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.models.build import build_recogniser
from action_recognition.models.causal import CausalRecogniser
from action_recognition.template import load_template_dir
from action_recognition.training.as_trained import trained_batches
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train
from action_recognition.training.step.recipe import Recipe
from action_recognition.training.step.splice import splice_clips, step_targets
from tests.conftest import REPOSITORY
from tests.tiny import LABELS, causal_tiny_template, moving_bar, tiny_data

CAUSAL_TEMPLATES = sorted((REPOSITORY / "model_templates/gesture_recognition").glob("causal-*"))


def options(data: Path, out: Path) -> TrainOptions:
    return TrainOptions(
        train_ann_files=[data / "train.txt"],
        train_data_roots=[data],
        val_ann_files=[data / "val.txt"],
        val_data_roots=[data],
        save_checkpoints_to=out,
    )


def accuracy(work_dir: Path, weights: Path, data: Path, metrics: Path) -> float:
    evaluate(
        work_dir,
        EvalOptions(
            load_weights=weights,
            test_ann_files=[data / "val.txt"],
            test_data_roots=[data],
            save_metrics_to=metrics,
            num_workers=0,
        ),
    )
    return float(
        {row["key"]: row["value"] for row in yaml.safe_load(metrics.read_text())["metrics"]}[
            "accuracy"
        ]
    )


def test_from_training_to_a_stateful_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, work_dir = tiny_data(tmp_path / "data", clips_per_class=4), tmp_path / "work"
    causal_tiny_template(work_dir, epochs=2, base_learning_rate=0.003)
    latest = train(work_dir, options(data, tmp_path / "out"))
    log = (tmp_path / "out" / "log" / "metrics.csv").read_text()
    assert "train/loss_epoch" in log and "val/accuracy" in log
    export_model(
        load_trained_model(latest),
        tmp_path / "export",
        ExportOptions(onnx=False, check_clips=1),
        say=print,
    )
    assert "model_stream4.xml: largest difference to PyTorch" in capsys.readouterr().out
    stateful = accuracy(
        work_dir, tmp_path / "export" / "model_stream4.xml", data, tmp_path / "stateful.yaml"
    )
    assert stateful == accuracy(work_dir, latest, data, tmp_path / "checkpoint.yaml")


def test_the_sheet_of_training_clips_says_where_a_clip_begins(tmp_path: Path) -> None:
    data, work_dir = tiny_data(tmp_path / "data", clips_per_class=2), tmp_path / "work"
    causal_tiny_template(work_dir)
    (batch,) = trained_batches(work_dir, options(data, tmp_path / "out"), 1)
    assert any("from step 1" in caption for caption in batch.captions)


@pytest.mark.parametrize("folder", CAUSAL_TEMPLATES, ids=lambda path: path.name)
def test_causal_templates_make_whole_calls_of_one_four_and_eight_frames(folder: Path) -> None:
    template, model = load_template_dir(folder)
    assert model.type.startswith("causal_") and template.input.clip_len % 8 == 0


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        (
            "template.yaml",
            "clip_len: 4",
            "clip_len: 5",
            "input.clip_len: found 5; allowed: a multiple of 2",
        ),
        (
            "model.yaml",
            "type: causal_s3d_mobilenet_v3",
            "type: s3d_mobilenet_v3",
            "running_pool: is not a known key",
        ),
        ("model.yaml", "steps: 2", "steps: 0", "running_pool.steps: found 0"),
        (
            "template.yaml",
            "clip_mixing: null",
            "clip_mixing: {weight: 0.2}",
            "has an embedding per step, but regularisers.clip_mixing",
        ),
    ],
)
def test_what_does_not_go_together_is_named(
    tmp_path: Path, file: str, old: str, new: str, said: str
) -> None:
    causal_tiny_template(tmp_path)
    text = (tmp_path / file).read_text()
    assert old in text
    (tmp_path / file).write_text(text.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_template_dir(tmp_path)
    assert said in str(caught.value)


def test_a_loss_over_steps_needs_a_causal_network_and_the_other_way_round(tmp_path: Path) -> None:
    causal_tiny_template(tmp_path)
    model, template = tmp_path / "model.yaml", tmp_path / "template.yaml"
    causal_model = yaml.safe_load(model.read_text())
    clip_model = {key: value for key, value in causal_model.items() if key != "running_pool"} | {
        "type": "s3d_mobilenet_v3"
    }
    model.write_text(yaml.safe_dump(clip_model))
    with pytest.raises(
        UserError,
        match="early_cross_entropy is for causal networks; allowed: am_softmax or cross_entropy",
    ):
        load_template_dir(tmp_path)
    model.write_text(yaml.safe_dump(causal_model))
    changed = yaml.safe_load(template.read_text())
    changed["training"]["loss"] = {"type": "cross_entropy", "scale": 12.0, "label_smoothing": 0.1}
    template.write_text(yaml.safe_dump(changed))
    with pytest.raises(
        UserError,
        match="found 'cross_entropy'; allowed: early_cross_entropy, since causal_s3d_mobilenet_v3",
    ):
        load_template_dir(tmp_path)


def test_a_network_learns_to_be_right_at_the_end_and_before(tmp_path: Path) -> None:
    """Bars that move left, right or not, with the recipe's loss and spliced clips, on a fixed
    batch.
    """
    template, model = load_template_dir(causal_tiny_template(tmp_path).parent)
    torch.manual_seed(0)
    network = build_recogniser(model, len(LABELS))
    assert isinstance(network, CausalRecogniser)
    recipe = Recipe(template.training, model.backbone)
    bars = np.stack(
        [
            moving_bar(label, seed)[:, 4:36, 8:40]
            for label in range(len(LABELS))
            for seed in range(6)
        ]
    )
    clips = torch.from_numpy(bars).permute(0, 4, 1, 2, 3).float() / 64 - 2
    labels = torch.arange(len(LABELS)).repeat_interleave(6)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    for step in range(40):
        generator = torch.Generator().manual_seed(step)
        whole = step_targets(labels, None, num_frames=8, frames_per_step=2)
        spliced, targets = splice_clips(clips, whole, probability=0.5, generator=generator)
        loss = torch.stack(list(recipe(network, spliced, targets, scale=12.0).values())).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        right = network.eval().step_cosine(clips).argmax(2) == labels.unsqueeze(1)
    share = right.float().mean(0)
    assert share[-1] >= 0.9 and share[1] >= 0.6, share
