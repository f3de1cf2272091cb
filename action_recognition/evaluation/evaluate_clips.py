"""Evaluate weights, ONNX or IR on annotated clips, and write the measured figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.console import say
from action_recognition.data.annotations import read_annotations
from action_recognition.deploy.backends import Backend, Precision, TorchBackend, load_backend
from action_recognition.errors import user_error
from action_recognition.evaluation.clip_scores import ScoredClips, check_class_list, score_clips
from action_recognition.evaluation.held_out.clips_by_person import people_of_clips
from action_recognition.evaluation.held_out.fold_scores import score_folds
from action_recognition.evaluation.network_cost import cost_metrics
from action_recognition.evaluation.report import (
    Metric,
    describe_file,
    update_metrics_file,
    write_clip_table,
)
from action_recognition.evaluation.result import (
    DIFFERENCES_FILE,
    RESULT_FILE,
    Measured,
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
from action_recognition.models.weights import load_for_inference
from action_recognition.plots import draw_confusion_matrix
from action_recognition.template import ModelConfig, Template, load_template_dir


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """The flags of `eval.py`.

    Without annotation files only size and complexity are written. `compare_to` is another form of
    the same model, most often the checkpoint. `precision` is OpenVINO's. `folds` is the folder of
    `train.py --folds`, whose models are measured in place of the model of all clips.
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
    folds: Path | None = None
    person_regex: str | None = None

    @property
    def output_folder(self) -> Path:
        """Return the folder of predictions.csv, evaluation.json and confusion_matrix.png."""
        return self.save_output_to or self.save_metrics_to.parent


def evaluate(work_dir: Path, options: EvalOptions) -> list[Metric]:
    """Run the model over the clips, and write metrics.yaml and the files beside it."""
    # The model, and the one to compare it with.
    template, model = load_template_dir(work_dir)
    backend = _open_backend(options.load_weights, template, model, options.precision)
    other = None
    if options.compare_to is not None:
        other = _open_backend(options.compare_to, template, model)
    labels = list(backend.metadata.labels)
    _check_classes(options.classes, labels)

    # Accuracy takes clips. Size and complexity follow from the network alone.
    has_clips = bool(options.test_ann_files) or options.folds is not None
    metrics = _measure(backend, other, options) if has_clips else _no_accuracy()
    metrics += cost_metrics(options.load_weights, template, model, len(labels))
    update_metrics_file(options.save_metrics_to, metrics, describe_file(options.load_weights))
    say(f"saved: {options.save_metrics_to}")
    return metrics


def _open_backend(
    path: Path, template: Template, model: ModelConfig, precision: Precision = "f32"
) -> Backend:
    """Open the model in `path`.

    Weights of the original say little about themselves, so they are read by the work dir's
    template.
    """
    if path.suffix == ".pth":
        return TorchBackend(load_for_inference(path, template, model))
    return load_backend(path, precision=precision)


def _check_classes(classes: Sequence[str] | None, labels: list[str]) -> None:
    if classes is not None and list(classes) != labels:
        raise user_error(
            "--classes",
            f"differs from the labels that the model was trained with: {', '.join(classes)}",
            ", ".join(labels),
        )


def _measure(backend: Backend, other: Backend | None, options: EvalOptions) -> list[Metric]:
    """Score the clips, write and print what was found, and return the metrics of accuracy."""
    labels = list(backend.metadata.labels)
    if options.folds is not None:
        return _measure_folds(backend, options, options.folds)
    check_class_list(options.test_ann_files, options.test_data_roots, labels)
    records = read_annotations(options.test_ann_files, options.test_data_roots, labels)
    scored = score_clips(
        backend, records, options.num_workers, options.strict, hand_detector=options.hand_detector
    )

    people = people_of_clips(records, options.test_data_roots, options.person_regex)
    measured = Measured(options.test_ann_files, people)
    _write_outputs(backend, scored, options, measured)
    _say_accuracy(backend, scored, options)
    metrics = _accuracy_metrics(scored, len(labels))
    return metrics + (_compare(backend, scored, other, options) if other is not None else [])


def _measure_folds(backend: Backend, options: EvalOptions, folder: Path) -> list[Metric]:
    """Score the clips of all folds, each by the model that never saw it."""
    labels = list(backend.metadata.labels)
    found = score_folds(folder, labels, options.num_workers, options.strict, options.hand_detector)
    records = found.scored.records
    people = people_of_clips(records, found.data_roots, options.person_regex)
    measured = Measured(found.ann_files, people, found.num_folds)
    _write_outputs(backend, found.scored, options, measured)
    _say_accuracy(backend, found.scored, options)
    return _accuracy_metrics(found.scored, len(labels))


def _write_outputs(
    backend: Backend, scored: ScoredClips, options: EvalOptions, measured: Measured
) -> None:
    """Write predictions.csv, evaluation.json and confusion_matrix.png."""
    # Clip by clip, and summed up with the files that were evaluated.
    labels, folder = list(backend.metadata.labels), options.output_folder
    folder.mkdir(parents=True, exist_ok=True)
    write_clip_table(folder / "predictions.csv", scored.records, scored.scores, labels)
    write_evaluation(folder / RESULT_FILE, options.load_weights, backend, measured, scored)

    # Label by label.
    counts = confusion_matrix(scored.scores, scored.truth, len(labels))
    accuracy = mean_top_k_accuracy(scored.scores, scored.truth, 1)
    title = f"top-1 {100 * accuracy:.1f} % (mean over classes), {len(scored.records)} clips"
    draw_confusion_matrix(folder / "confusion_matrix.png", counts, labels, title)


def _say_accuracy(backend: Backend, scored: ScoredClips, options: EvalOptions) -> None:
    """Print the top-1 accuracy and the labels that are confused most often."""
    labels, scores, truth = list(backend.metadata.labels), scored.scores, scored.truth
    accuracy, top1 = mean_top_k_accuracy(scores, truth, 1), top_k_accuracy(scores, truth, 1)
    low, high = wilson_interval(top1, len(truth))
    say(f"{options.load_weights.name}: {backend.runs_as}")
    say(
        f"top-1 {100 * accuracy:.2f} % (mean over classes); "
        f"{100 * top1:.2f} % of {len(truth)} clips, "
        f"95 % interval {100 * low:.1f} to {100 * high:.1f}"
    )

    # The three largest confusions.
    counts = confusion_matrix(scores, truth, len(labels))
    for label, taken_for, times in most_confused(counts, labels, 3):
        say(f"  {label!r} taken for {taken_for!r}: {times}")


def _accuracy_metrics(scored: ScoredClips, num_labels: int) -> list[Metric]:
    # Accuracies as means over classes and as shares of clips, and the ranking.
    scores, truth, k = scored.scores, scored.truth, min(5, num_labels)
    mean_top1, mean_top5 = (mean_top_k_accuracy(scores, truth, number) for number in (1, k))
    top1, top5 = (top_k_accuracy(scores, truth, number) for number in (1, k))
    mean_class = mean_class_accuracy(scores, truth)
    ranking = ranking_mean_average_precision(scores, truth)
    num_damaged = len(scored.damaged)

    return [
        _percent("accuracy", "Top-1 accuracy", mean_top1),
        _percent("top5_accuracy", "Top-5 accuracy", mean_top5),
        _percent("top1_of_clips", "Top-1 accuracy over clips", top1),
        _percent("top5_of_clips", "Top-5 accuracy over clips", top5),
        _percent("mean_class_accuracy", "Mean class accuracy", mean_class),
        _percent("ranking_map", "Ranking mAP, absent classes as 0", ranking["all_classes"]),
        _percent("ranking_map_present", "Ranking mAP, classes present", ranking["present_classes"]),
        Metric("num_clips", "Clips evaluated", "clips", len(truth)),
        Metric("num_damaged_clips", "Clips that could not be read", "clips", num_damaged),
    ]


def _compare(
    backend: Backend, scored: ScoredClips, other: Backend, options: EvalOptions
) -> list[Metric]:
    """Score the same clips with the other model, write differences.csv, return the largest."""
    # Only the clips that the first model could read.
    workers, strict, detector = options.num_workers, options.strict, options.hand_detector
    expected = score_clips(other, scored.records, workers, strict, hand_detector=detector)
    found = difference(backend, scored.scores, other, expected.scores)
    write_differences(options.output_folder / DIFFERENCES_FILE, scored.records, found)

    metrics = found.metrics()
    for metric in metrics:
        say(f"  {metric.display_name}: {metric.value:.4g} {metric.unit}".rstrip())
    return metrics


def _no_accuracy() -> list[Metric]:
    print(
        "note: no --test-ann-files given, so there is no accuracy; size and complexity are written",
        file=sys.stderr,
    )
    return [Metric("accuracy", "Top-1 accuracy", "%", None)]


def _percent(key: str, display_name: str, share: float) -> Metric:
    return Metric(key, display_name, "%", round(100.0 * share, 3))
