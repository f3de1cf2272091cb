"""Evaluation: the same numbers from every form of a model, files that are kept, and what is
refused.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from action_recognition.checkpoint import load_trained_model, read_checkpoint, save_atomically
from action_recognition.commands.export import main as export_main
from action_recognition.errors import UserError
from action_recognition.evaluation.evaluate_clips import EvalOptions, evaluate
from action_recognition.evaluation.report import Metric, update_metrics_file
from action_recognition.training.options import TrainOptions
from action_recognition.training.run import train
from tests.tiny import LABELS, tiny_data, tiny_template


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def work_dir(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work dir with a trained and exported model."""
    folder = tiny_template(tmp_path_factory.mktemp("work")).parent
    roots = {
        "train_data_roots": [data],
        "val_data_roots": [data],
        "save_checkpoints_to": folder / "outputs",
    }
    latest = train(
        folder,
        TrainOptions(
            train_ann_files=[data / "train.txt"],
            val_ann_files=[data / "val.txt"],
            epochs=15,
            **roots,
        ),
    )
    assert (
        export_main(
            folder, ["--load-weights", str(latest), "--save-model-to", str(folder / "export")]
        )
        == 0
    )
    return folder


def options(work_dir: Path, data: Path, out: Path, **changes: Any) -> EvalOptions:
    given: dict[str, Any] = {
        "load_weights": work_dir / "outputs" / "latest.pth",
        "test_ann_files": [data / "val.txt"],
        "test_data_roots": [data],
        "save_metrics_to": out / "metrics.yaml",
        "num_workers": 0,
    }
    return EvalOptions(**(given | changes))


def values(metrics: list[Metric]) -> dict[str, float | int | None]:
    return {metric.key: metric.value for metric in metrics}


def test_every_form_gives_the_same_numbers(work_dir: Path, data: Path, tmp_path: Path) -> None:
    torch_values = values(evaluate(work_dir, options(work_dir, data, tmp_path)))
    assert {
        "accuracy",
        "top5_accuracy",
        "mean_class_accuracy",
        "ranking_map",
        "ranking_map_present",
        "size",
        "complexity",
    } <= set(torch_values)
    assert torch_values["num_clips"] == 6
    for name in ("model.onnx", "model.xml", "model.bin"):
        other = values(
            evaluate(
                work_dir,
                options(work_dir, data, tmp_path / name, load_weights=work_dir / "export" / name),
            )
        )
        assert other == torch_values, name


def test_every_form_is_compared_clip_by_clip(work_dir: Path, data: Path, tmp_path: Path) -> None:
    weights = work_dir / "outputs" / "latest.pth"
    for name, precision, limit in (
        ("model.xml", "f32", 1e-3),
        ("model.onnx", "f32", 1e-3),
        ("model.xml", "default", 0.1),
    ):
        out = tmp_path / f"{name}-{precision}"
        changes = {
            "load_weights": work_dir / "export" / name,
            "compare_to": weights,
            "precision": precision,
        }
        found = values(evaluate(work_dir, options(work_dir, data, out, **changes)))
        assert 0 <= float(found["max_probability_difference"] or 0) < limit and (
            found["agreement"] == 100 or precision == "default"
        )
        with (out / "differences.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == 6
        assert max(float(row["cosine_difference"]) for row in rows) == pytest.approx(
            float(found["max_cosine_difference"] or 0), rel=0.01
        )
    result = json.loads((tmp_path / "model.onnx-f32" / "evaluation.json").read_text())
    assert (
        result["model"] == "model.onnx"
        and result["num_clips"] == sum(row["num_clips"] for row in result["per_class"]) == 6
    )
    assert result["top1_of_clips"] == pytest.approx(
        100 / 6 * sum(row["right"] for row in result["per_class"]), abs=1e-3
    )
    assert (
        result["weights_sha256"] == read_checkpoint(weights).sha256
        and result["interval"][0] <= result["top1_of_clips"]
    )


def test_the_files_agree_with_each_other(work_dir: Path, data: Path, tmp_path: Path) -> None:
    metrics = values(evaluate(work_dir, options(work_dir, data, tmp_path)))
    stored = yaml.safe_load((tmp_path / "metrics.yaml").read_text())
    assert {entry["key"]: entry["value"] for entry in stored["metrics"]} == metrics
    assert stored["files"][0]["name"] == "latest.pth"
    with (tmp_path / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    assert {row["label"] for row in rows} == set(LABELS)
    correct = np.mean([row["label"] == row["predicted"] for row in rows])
    assert metrics["top1_of_clips"] == pytest.approx(100 * correct, abs=1e-3)
    assert (tmp_path / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")


def test_entries_of_others_in_the_metrics_file_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "metrics.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "owner": "someone",
                "metrics": [{"key": "f1", "value": 3}, {"key": "accuracy", "value": 1.0}],
            }
        )
    )
    update_metrics_file(path, [Metric("accuracy", "Top-1 accuracy", "%", 2.0)], {"name": "a.pth"})
    stored = yaml.safe_load(path.read_text())
    assert stored["owner"] == "someone"
    assert {entry["key"]: entry["value"] for entry in stored["metrics"]} == {
        "accuracy": 2.0,
        "f1": 3,
    }


@pytest.mark.parametrize("content", ["- a\n- b\n", "metrics: [1, 2]\n", "{", "metrics: 5\n"])
def test_a_file_that_is_no_metrics_file_is_not_overwritten(content: str, tmp_path: Path) -> None:
    path = tmp_path / "metrics.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match="not a metrics file"):
        update_metrics_file(path, [], {"name": "a.pth"})
    assert path.read_text() == content


def test_without_annotation_size_and_complexity_are_still_written(
    work_dir: Path, data: Path, tmp_path: Path
) -> None:
    metrics = values(
        evaluate(work_dir, options(work_dir, data, tmp_path, test_ann_files=[], test_data_roots=[]))
    )
    assert metrics["accuracy"] is None
    assert metrics["size"]
    assert metrics["complexity"]


def test_size_and_complexity_are_the_files_whatever_the_work_dir_says(
    work_dir: Path, data: Path, tmp_path: Path
) -> None:
    expected = values(evaluate(work_dir, options(work_dir, data, tmp_path, test_ann_files=[])))
    other = tiny_template(tmp_path / "other").parent
    model = yaml.safe_load((other / "model.yaml").read_text())
    model["head"]["embedding_size"] = 64
    (other / "model.yaml").write_text(yaml.safe_dump(model))
    for name in ("outputs/latest.pth", "export/model.xml", "export/model.bin", "export/model.onnx"):
        assert (
            values(
                evaluate(
                    other,
                    options(
                        work_dir, data, tmp_path, test_ann_files=[], load_weights=work_dir / name
                    ),
                )
            )
            == expected
        )


def test_other_labels_are_refused_not_renumbered(
    work_dir: Path, data: Path, tmp_path: Path
) -> None:
    ann = tmp_path / "test.txt"
    ann.write_text((data / "val.txt").read_text())
    (tmp_path / "classes.json").write_text(json.dumps(["x", "y", "z"]))
    with pytest.raises(UserError, match="classes are not the model's"):
        evaluate(work_dir, options(work_dir, data, tmp_path, test_ann_files=[ann]))
    with pytest.raises(UserError, match="differs from the labels"):
        evaluate(work_dir, options(work_dir, data, tmp_path, classes=["x", "y", "z"]))


def test_a_class_absent_from_the_test_clips_shifts_nothing(
    work_dir: Path, data: Path, tmp_path: Path
) -> None:
    rows = [line for line in (data / "val.txt").read_text().splitlines() if " 0 0 8" not in line]
    ann = tmp_path / "test.txt"
    ann.write_text("\n".join(rows) + "\n")
    evaluate(work_dir, options(work_dir, data, tmp_path, test_ann_files=[ann]))
    with (tmp_path / "predictions.csv").open(newline="") as file:
        assert {row["label"] for row in csv.DictReader(file)} == set(LABELS[1:])


def test_damaged_clips_are_counted_or_stop_at_once(
    work_dir: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tiny_data(tmp_path / "data")
    (copy / "videos" / "val 2-0.mp4").write_bytes(b"")
    metrics = values(evaluate(work_dir, options(work_dir, copy, tmp_path)))
    assert (metrics["num_clips"], metrics["num_damaged_clips"]) == (5, 1)
    assert "val 2-0.mp4" in capsys.readouterr().err
    with pytest.raises(UserError, match=r"val 2-0\.mp4"):
        evaluate(work_dir, options(work_dir, copy, tmp_path, strict=True))


def test_original_weights_are_read_by_the_work_dirs_template(
    work_dir: Path, data: Path, tmp_path: Path
) -> None:
    trained = load_trained_model(work_dir / "outputs" / "latest.pth")
    template = yaml.safe_load((work_dir / "template.yaml").read_text())
    folder = tiny_template(tmp_path / "labelled").parent
    (folder / "template.yaml").write_text(yaml.safe_dump(template | {"labels": list(LABELS)}))
    from action_recognition.models.tensor_names.original import original_names

    theirs = {
        name: trained.state_dict[ours] for name, ours in original_names(trained.model).items()
    }
    save_atomically({"state_dict": theirs, "meta": {}}, tmp_path / "original.pth")
    assert read_checkpoint(tmp_path / "original.pth").form == "original"
    expected = values(evaluate(work_dir, options(work_dir, data, tmp_path / "a")))
    got = values(
        evaluate(
            folder, options(work_dir, data, tmp_path / "b", load_weights=tmp_path / "original.pth")
        )
    )
    assert got == expected
