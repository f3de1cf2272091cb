"""Evaluate weights, ONNX or IR on annotated clips: one centre clip each, as published figures are measured."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from action_recognition.checkpoint import load_trained_model, read_checkpoint
from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.datasets import Batch, ClipDataset, ShareSampler, make_loader
from action_recognition.data.hand_crops import hand_frames
from action_recognition.deploy.backends import Backend, Precision, TorchBackend, load_backend
from action_recognition.deploy.delivery.folder import read_record
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import UserError, user_error
from action_recognition.evaluation.report import Metric, update_metrics_file, write_clip_table
from action_recognition.evaluation.result import (
    DIFFERENCES_FILE,
    RESULT_FILE,
    difference,
    write_differences,
    write_evaluation,
)
from action_recognition.metrics import (
    confusion_matrix,
    mean_class_accuracy,
    mean_top_k_accuracy,
    most_confused,
    ranking_mean_average_precision,
    top_k_accuracy,
    wilson_interval,
)
from action_recognition.models.build import build_recogniser
from action_recognition.models.complexity import count
from action_recognition.models.weights import load_for_inference
from action_recognition.plots import draw_confusion_matrix
from action_recognition.template import ClipInput, ModelConfig, Template, load_template_dir

_BATCH_SIZE = 4


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """The flags of `eval.py`; without annotation files only size and complexity are written.

    `compare_to` is another form of the same model, the checkpoint most often; `precision` is OpenVINO's.
    """

    load_weights: Path
    test_ann_files: Sequence[Path]
    test_data_roots: Sequence[Path]
    save_metrics_to: Path
    save_output_to: Path | None = None
    classes: Sequence[str] | None = None
    compare_to: Path | None = None
    precision: Precision = "f32"
    num_workers: int = 2
    strict: bool = False
    hand_detector: Path | None = None


@dataclass(frozen=True)
class ScoredClips:
    """Cosines (N, C) of the N clips that could be read, and the messages of those that could not."""

    records: Sequence[ClipRecord]
    scores: npt.NDArray[np.float32]
    damaged: list[str]


def evaluate(work_dir: Path, options: EvalOptions) -> list[Metric]:
    """Run the model over the clips and write metrics.yaml, confusion_matrix.png and predictions.csv."""
    template, model = load_template_dir(work_dir)
    backend = _open_backend(options.load_weights, template, model, options.precision)
    other = (
        None if options.compare_to is None else _open_backend(options.compare_to, template, model)
    )
    labels = list(backend.metadata.labels)
    if options.classes is not None and list(options.classes) != labels:
        raise user_error(
            "--classes",
            f"differs from the labels that the model was trained with: {', '.join(options.classes)}",
            ", ".join(labels),
        )
    metrics = (
        _accuracy_of(backend, other, labels, options) if options.test_ann_files else _no_accuracy()
    )
    metrics += _cost(options.load_weights, template, model, len(labels))
    update_metrics_file(options.save_metrics_to, metrics, describe_file(options.load_weights))
    print(f"saved: {options.save_metrics_to}", flush=True)
    return metrics


def _cost(path: Path, template: Template, model: ModelConfig, num_labels: int) -> list[Metric]:
    """Size and complexity of what the file holds, which need not be what the work dir says: `train.py --backbone` takes another network.

    A checkpoint says it itself, of an exported file the record beside it does; else the work dir's template and model are counted.
    """
    if path.suffix == ".pth" and read_checkpoint(path).form == "trained_model":
        trained = load_trained_model(path)
        return _size_and_complexity(trained.template, trained.model, num_labels)
    record = (read_record(path.parent) if path.suffix != ".pth" else None) or {}
    facts = record.get("model", {})
    named = {item["name"] for item in record.get("outputs", [])}
    if (
        path.with_suffix(path.suffix.replace(".bin", ".xml")).name in named
        and {"size_mp", "complexity_gflops"} <= facts.keys()
    ):
        return _size_metrics(facts["size_mp"], facts["complexity_gflops"])
    return _size_and_complexity(template, model, num_labels)


def clip_input(metadata: DeployMetadata) -> ClipInput:
    """What the model takes, in the terms of a template: the model's own words, whatever the work dir says."""
    return ClipInput(
        clip_len=metadata.clip_len,
        frame_rate_fps=metadata.frame_rate_fps,
        resize_short_side=metadata.resize.short_side,
        crop_size=metadata.resize.crop_size,
        crop=metadata.crop or None,
        mean_values=list(metadata.mean_values),
        scale_values=list(metadata.scale_values),
    )


def _open_backend(
    path: Path, template: Template, model: ModelConfig, precision: Precision = "f32"
) -> Backend:
    """The model in `path`; weights of the original say little about themselves, so they are read by the work dir's template."""
    if path.suffix == ".pth" and read_checkpoint(path).form == "original":
        return TorchBackend(load_for_inference(path, template, model))
    return load_backend(path, precision=precision)


def score_clips(
    backend: Backend,
    records: Sequence[ClipRecord],
    num_workers: int,
    strict: bool,
    flag: str = "--test-ann-files",
    hand_detector: Path | None = None,
) -> ScoredClips:
    """The cosines of the centre clip of every record, in order; `flag` named the clips. A model that sees hands only needs a detector."""
    scores: dict[int, npt.NDArray[np.float32]] = {}
    damaged: list[str] = []
    for batch in centre_clips(records, backend.metadata, num_workers, strict, hand_detector):
        damaged += [clip.message for clip in batch.damaged]
        if len(batch.labels):
            rows = backend.scores(batch.clips.numpy())
            scores.update(zip(batch.indices.tolist(), rows, strict=True))
    if not scores:
        raise none_could_be_read(flag)
    kept = sorted(scores)
    return ScoredClips([records[i] for i in kept], np.stack([scores[i] for i in kept]), damaged)


def centre_clips(
    records: Sequence[ClipRecord],
    metadata: DeployMetadata,
    num_workers: int,
    strict: bool,
    hand_detector: Path | None = None,
    title: str = "evaluating",
) -> Iterator[Batch]:
    """The centre clip of every record in batches, with progress; damaged ones are named as they come, with `strict` the first ends it."""
    frames = hand_frames(hand_detector, records) if metadata.crop else None
    dataset = ClipDataset(records, clip_input(metadata), source=frames)
    loader = make_loader(dataset, _BATCH_SIZE, ShareSampler(len(dataset)), num_workers)
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stdout.isatty(), transient=True) as progress:
        task = progress.add_task("", total=len(records))
        for batch in loader:
            for clip in batch.damaged:
                if strict:
                    raise user_error("--strict", f"a clip could not be read: {clip.message}")
                print(f"skipped: {clip.message}", file=sys.stderr, flush=True)
            yield batch
            progress.advance(task, len(batch.labels) + len(batch.damaged))


def none_could_be_read(flag: str) -> UserError:
    """What to raise where no clip of those that `flag` names is left."""
    return user_error(flag, "none of the clips could be read", fix="see the messages above")


def _accuracy_of(
    backend: Backend, other: Backend | None, labels: list[str], options: EvalOptions
) -> list[Metric]:
    check_class_list(options.test_ann_files, options.test_data_roots, labels)
    records = read_annotations(options.test_ann_files, options.test_data_roots, labels)
    scored = score_clips(
        backend, records, options.num_workers, options.strict, hand_detector=options.hand_detector
    )
    truth = np.array([record.label for record in scored.records])
    counts = confusion_matrix(scored.scores, truth, len(labels))
    accuracy = mean_top_k_accuracy(scored.scores, truth, 1)
    top1 = top_k_accuracy(scored.scores, truth, 1)
    folder = options.save_output_to or options.save_metrics_to.parent
    folder.mkdir(parents=True, exist_ok=True)
    write_clip_table(folder / "predictions.csv", scored.records, scored.scores, labels)
    write_evaluation(
        folder / RESULT_FILE,
        options.load_weights,
        backend,
        options.test_ann_files,
        scored.scores,
        truth,
    )
    title = f"top-1 {100 * accuracy:.1f} % (mean over classes), {len(truth)} clips"
    draw_confusion_matrix(folder / "confusion_matrix.png", counts, labels, title)
    low, high = wilson_interval(top1, len(truth))
    interval = f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
    print(f"{options.load_weights.name}: {backend.runs_as}", flush=True)
    print(
        f"top-1 {100 * accuracy:.2f} % (mean over classes); {100 * top1:.2f} % of {len(truth)} clips, {interval}",
        flush=True,
    )
    for label, taken_for, times in most_confused(counts, labels, 3):
        print(f"  {label!r} taken for {taken_for!r}: {times}")
    k = min(5, len(labels))
    precision = ranking_mean_average_precision(scored.scores, truth)
    return [
        _percent("accuracy", "Top-1 accuracy", accuracy),
        _percent("top5_accuracy", "Top-5 accuracy", mean_top_k_accuracy(scored.scores, truth, k)),
        _percent("top1_of_clips", "Top-1 accuracy over clips", top1),
        _percent(
            "top5_of_clips", "Top-5 accuracy over clips", top_k_accuracy(scored.scores, truth, k)
        ),
        _percent(
            "mean_class_accuracy", "Mean class accuracy", mean_class_accuracy(scored.scores, truth)
        ),
        _percent("ranking_map", "Ranking mAP, absent classes as 0", precision["all_classes"]),
        _percent(
            "ranking_map_present", "Ranking mAP, classes present", precision["present_classes"]
        ),
        Metric("num_clips", "Clips evaluated", "clips", len(truth)),
        Metric("num_damaged_clips", "Clips that could not be read", "clips", len(scored.damaged)),
        *(_compared(backend, scored, other, folder, options) if other is not None else []),
    ]


def _compared(
    backend: Backend, scored: ScoredClips, other: Backend, folder: Path, options: EvalOptions
) -> list[Metric]:
    """The same clips by the other model: differences.csv, and the largest of them."""
    expected = score_clips(
        other,
        scored.records,
        options.num_workers,
        options.strict,
        hand_detector=options.hand_detector,
    )
    found = difference(backend, scored.scores, other, expected.scores)
    write_differences(folder / DIFFERENCES_FILE, scored.records, found)
    for metric in found.metrics():
        print(f"  {metric.display_name}: {metric.value:.4g} {metric.unit}".rstrip(), flush=True)
    return found.metrics()


def check_class_list(ann_files: Sequence[Path], roots: Sequence[Path], labels: list[str]) -> None:
    """Numbers in an annotation mean positions in the classes.json beside it: those must be the model's."""
    for folder in dict.fromkeys([*(path.parent for path in ann_files), *roots]):
        path = folder / "classes.json"
        if not path.is_file():
            continue
        try:
            names = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            raise user_error(str(path), "is not a JSON list of class names") from None
        if names != labels:
            raise user_error(
                str(path),
                f"its classes are not the model's ({len(names)} against {len(labels)}, or another order)",
                ", ".join(labels[:8]) + (", ..." if len(labels) > 8 else ""),
                "evaluate on clips annotated with the labels that the model was trained with",
            )


def _no_accuracy() -> list[Metric]:
    print(
        "note: no --test-ann-files given, so there is no accuracy; size and complexity are written",
        file=sys.stderr,
    )
    return [Metric("accuracy", "Top-1 accuracy", "%", None)]


def _size_and_complexity(template: Template, model: ModelConfig, num_classes: int) -> list[Metric]:
    side = template.input.crop_size
    counted = count(build_recogniser(model, num_classes), (template.input.clip_len, side, side))
    return _size_metrics(counted.size_mp, counted.complexity_gflops)


def _size_metrics(size_mp: float, complexity_gflops: float) -> list[Metric]:
    return [
        Metric("size", "Size", "Mp", size_mp),
        Metric("complexity", "Complexity", "GFLOPs", complexity_gflops),
    ]


def _percent(key: str, display_name: str, share: float) -> Metric:
    return Metric(key, display_name, "%", round(100.0 * share, 3))


def describe_file(path: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "name": path.name,
        "size": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "source": str(path),
    }
