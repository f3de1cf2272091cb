"""`eval.py --stream`: run a model over annotated streams, as the demo does.

The model is measured by the events that it decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from action_recognition.console import say
from action_recognition.data.stream_files import read_streams
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.stream_models import StreamModel, as_stream_model
from action_recognition.evaluation.decision_fitting import fitted_rules, say_promise
from action_recognition.evaluation.decision_table import DecisionTable
from action_recognition.evaluation.report import describe_file, update_metrics_file
from action_recognition.evaluation.stream_curve import CurvePoint, curve_of, result_of
from action_recognition.evaluation.stream_report import (
    stream_metrics,
    summary_lines,
    write_curve,
    write_events,
)
from action_recognition.evaluation.stream_result import StreamResult
from action_recognition.evaluation.stream_scores import (
    SCORES_FOLDER,
    ScoredStream,
    StoredScores,
    score_streams,
)
from action_recognition.live.decision_file import read_rules, write_rules
from action_recognition.live.decision_rules import DecisionRules, Vocabulary
from action_recognition.live.hand_region import trained_region


@dataclass(frozen=True, kw_only=True)
class StreamEvalOptions:
    """The flags of `eval.py --stream`."""

    load_weights: Path
    test_ann_files: Sequence[Path]
    test_data_roots: Sequence[Path]
    save_metrics_to: Path
    save_output_to: Path | None = None
    hand_detector: Path | None = None
    decision: Path | None = None
    choose_decision: Path | None = None
    max_false_alarms_per_hour: float | None = None
    tolerance: float = 1.0

    @property
    def output_folder(self) -> Path:
        """Return the folder of the tables, the drawing and the stored scores."""
        return self.save_output_to or self.save_metrics_to.parent


def evaluate_streams(options: StreamEvalOptions) -> StreamResult:
    """Run the model over the streams, or take the scores that an earlier run has stored.

    Writes metrics.yaml, stream_events.csv, stream_curve.csv and .png, and the rules that were asked
    for. With `choose_decision` the rules are chosen on these streams, which must then not be the
    ones that are reported.
    """
    # Scores of the network. They do not depend on the rules of decision.
    model = as_stream_model(load_backend(options.load_weights), folder=options.load_weights.parent)
    words = Vocabulary.of(model.metadata)
    scored, rules = _score(model, options)

    # The curve over all rules, and the rules to report.
    tables = [DecisionTable(item, words) for item in scored]
    curve = curve_of(tables, rules, options.tolerance)
    if options.choose_decision:
        rules = _choose_rules(options, options.choose_decision, tables, words, curve)

    # The report: tables and drawing, metrics.yaml, lines for people.
    result = result_of(tables, rules, options.tolerance)
    folder = options.output_folder
    write_events(folder / "stream_events.csv", scored, words, rules)
    write_curve(folder / "stream_curve.csv", curve)
    metrics = stream_metrics(scored, words.labels, result)
    update_metrics_file(options.save_metrics_to, metrics, describe_file(options.load_weights))

    say(f"saved: {options.save_metrics_to}, stream_events.csv, stream_curve.csv, stream_curve.png")
    for line in summary_lines(result):
        say(line)
    return result


def _score(
    model: StreamModel, options: StreamEvalOptions
) -> tuple[list[ScoredStream], DecisionRules]:
    """Return the scored streams, and the rules of `decision` or the default ones."""
    metadata, detector = model.metadata, options.hand_detector
    streams = read_streams(
        options.test_ann_files, options.test_data_roots, metadata.labels, metadata.negative_label
    )
    # Before the long run over the streams: a damaged file of rules ends it here.
    rules = DecisionRules()
    if options.decision:
        rules = read_rules(options.decision, metadata.labels)

    stored = StoredScores(options.output_folder / SCORES_FOLDER, options.load_weights, detector)
    region = trained_region(metadata, detector, "--hand-detector")
    return score_streams(model, region, streams, stored), rules


def _choose_rules(
    options: StreamEvalOptions,
    file: Path,
    tables: Sequence[DecisionTable],
    words: Vocabulary,
    curve: Sequence[CurvePoint],
) -> DecisionRules:
    """Fit the rules to these streams, write them, and print what they promise."""
    limit = options.max_false_alarms_per_hour
    chosen = fitted_rules(tables, words, curve, limit, options.tolerance)
    rules = chosen.rules
    write_rules(file, rules)

    found = f"onset {rules.onset:g}, smoothing {rules.smoothing_s:g} s, hold {rules.hold_s:g} s"
    say(f"chosen on these streams: {found}, own values of {len(rules.labels)} labels; wrote {file}")
    say_promise(chosen.result, limit)
    return rules
