"""Calibrate a trained model on val and measure it once on test, as Markdown tables.

    python experiments/calibration.py --load-weights latest.pth \\
        --gestures DATA/smarthome_gestures --others DATA/asl_words [--json FILE]

docs/results/calibration.md has its tables. Both folders hold train.txt, val.txt and test.txt of
different people. Temperature and thresholds are fitted on both val.txt. The figures are of both
test.txt, which nothing used before. The weights stay as they are.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from action_recognition.calibration_values import Calibration
from action_recognition.data.annotations import read_annotations
from action_recognition.data.labels import training_labels
from action_recognition.deploy.backends import Backend, load_backend
from action_recognition.deploy.calibration.fit import (
    CalibrationRules,
    ScoredVal,
    as_array,
    fit_calibration,
    measures,
)
from action_recognition.deploy.calibration.measures import (
    Floats,
    bootstrap_interval,
    brier_scores,
    log_losses,
    softmax,
)
from action_recognition.deploy.calibration.rejection import accepted, false_alarms_at_recall, spread
from action_recognition.evaluation.calibrating import rules_for
from action_recognition.evaluation.clip_scores import score_clips
from action_recognition.evaluation.held_out.clips_by_person import clip_groups
from action_recognition.metrics import wilson_interval

RATES = (0.01, 0.05, 0.1, 0.2)


def scored(backend: Backend, options: argparse.Namespace, root: Path, split: str) -> ScoredVal:
    """Return cosines, labels and people of a split. `--person-regex` knows the gestures' people."""
    file = root / f"{split}.txt"
    labels, _ = training_labels([file], None, (), [root])
    records = read_annotations([file], [root], labels)
    groups = clip_groups(
        records, [root], options.person_regex if root == options.gestures else None
    )
    clips = score_clips(
        backend, records, options.num_workers, True, str(file), options.hand_detector
    )
    return ScoredVal(
        clips.scores,
        np.array([item.label for item in clips.records]),
        np.array([groups[item.line] for item in clips.records]),
    )


def probabilities_on_test(
    before: Floats, after: Floats, labels: npt.NDArray[np.integer]
) -> dict[str, Any]:
    """The measures of both, clip by clip, and the intervals of the paired differences."""
    clips = np.arange(len(labels))
    found: dict[str, Any] = {
        "before": measures(before, labels, clips),
        "after": measures(after, labels, clips),
    }
    for key, function in (("nll", log_losses), ("brier", brier_scores)):
        change = function(after, labels) - function(before, labels)
        found[f"{key}_change"] = mean_with_interval(change)
    return found


def mean_with_interval(values: Floats) -> list[float]:
    """The mean over clips, and its 95 % bootstrap interval."""
    return [
        float(values.mean()),
        *bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(len(values))),
    ]


def rejection_on_test(
    test: ScoredVal,
    others: npt.NDArray[np.floating],
    factor: float,
    calibration: Calibration,
    rules: CalibrationRules,
) -> dict[str, Any]:
    """Return the shares that a calibration accepts: others, gestures, and right ones of those."""
    thresholds, least = as_array(calibration.thresholds, rules), calibration.spread_threshold
    alarms, taken = (
        accepted(softmax(table * factor), thresholds) & (spread(table) >= least)
        for table in (others, test.cosines)
    )
    right = test.cosines[taken].argmax(axis=1) == test.labels[taken]
    return {
        "kept_rate": calibration.summary["thresholds"]["kept_rate"],
        "false_alarms": float(alarms.mean()),
        "false_alarms_interval": list(wilson_interval(float(alarms.mean()), len(alarms))),
        "accepted_gestures": float(taken.mean()),
        "right_of_accepted": float(right.mean()) if len(right) else None,
    }


def measure(backend: Backend, options: argparse.Namespace) -> dict[str, Any]:
    """Fit on val, then score test once."""
    val = scored(backend, options, options.gestures, "val")
    negatives = scored(backend, options, options.others, "val")
    fits = {
        rate: fit_calibration(val, negatives.cosines, rules_for(backend, rate)).calibration
        for rate in RATES
    }
    test = scored(backend, options, options.gestures, "test")
    others = scored(backend, options, options.others, "test").cosines
    first, scale = fits[RATES[0]], rules_for(backend, RATES[0]).logit_scale
    factor = scale / first.summary["temperature_fitted"]
    before, after = softmax(test.cosines * scale), softmax(test.cosines * factor)
    least = first.spread_threshold
    return {
        "num_clips": {
            "val": len(val.labels),
            "val_others": len(negatives.labels),
            "test": len(test.labels),
            "test_others": len(others),
        },
        "temperature": first.temperature,
        "temperature_fitted": first.summary["temperature_fitted"],
        "spread_threshold": least,
        "val": first.summary,
        "test": probabilities_on_test(before, after, test.labels),
        "false_alarms_at_95_recall": {
            "highest probability, as trained": false_alarms_at_recall(
                before.max(axis=1), softmax(others * scale).max(axis=1)
            )[0],
            "highest probability, fitted temperature": false_alarms_at_recall(
                after.max(axis=1), softmax(others * factor).max(axis=1)
            )[0],
            "highest cosine": false_alarms_at_recall(test.cosines.max(axis=1), others.max(axis=1))[
                0
            ],
            "spread of the cosines": false_alarms_at_recall(spread(test.cosines), spread(others))[
                0
            ],
        },
        "least_spread_of_val": {
            "gestures": float((spread(test.cosines) >= least).mean()),
            "others": float((spread(others) >= least).mean()),
        },
        "thresholds": {
            str(rate): rejection_on_test(
                test, others, scale / calibration.temperature, calibration, rules_for(backend, rate)
            )
            for rate, calibration in fits.items()
        },
    }


def tables(found: dict[str, Any]) -> str:
    """The figures in Markdown."""
    test = found["test"]
    lines = [
        f"temperature {found['temperature']:.3f}, fitted {found['temperature_fitted']:.3f}; "
        f"clips: {found['num_clips']}",
        "",
    ]
    lines += [
        "| on test | as trained | with the fitted temperature | change (95 % interval) |",
        "|---|---|---|---|",
    ]
    for key, name in (("nll", "NLL"), ("brier", "Brier score")):
        change, low, high = test[f"{key}_change"]
        lines.append(
            f"| {name} | {test['before'][key]:.3f} | {test['after'][key]:.3f} | "
            f"{change:+.3f} ({low:+.3f} to {high:+.3f}) |"
        )
    cells = [
        f"{side['ece']:.3f} "
        f"(by chance {side['ece_by_chance'][0]:.3f} to {side['ece_by_chance'][1]:.3f})"
        for side in (test["before"], test["after"])
    ]
    lines.append(f"| ECE | {cells[0]} | {cells[1]} | |")
    lines.append(
        f"| area under risk-coverage | {test['before']['risk_coverage_area']:.3f} | "
        f"{test['after']['risk_coverage_area']:.3f} | |"
    )
    lines += [
        "",
        "| rejected by | false alarms where 95 % of the gestures are accepted |",
        "|---|---|",
    ]
    lines += [
        f"| {name} | {100 * value:.0f} % |"
        for name, value in found["false_alarms_at_95_recall"].items()
    ]
    passing = found["least_spread_of_val"]
    gestures, others = 100 * passing["gestures"], 100 * passing["others"]
    shares = f"{gestures:.0f} % of the gestures and {others:.0f} % of the others pass"
    lines += ["", f"least spread {found['spread_threshold']:.4f}: {shares}"]
    lines += [
        "",
        "| asked for | kept on average | false alarms on test | gestures accepted "
        "| right of those |",
        "|---|---|---|---|---|",
    ]
    for rate, row in found["thresholds"].items():
        low, high = row["false_alarms_interval"]
        right = (
            "" if row["right_of_accepted"] is None else f"{100 * row['right_of_accepted']:.0f} %"
        )
        alarms = f"{100 * row['false_alarms']:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        accepted_share = f"{100 * row['accepted_gestures']:.0f} %"
        lines.append(
            f"| {100 * float(rate):g} % | {100 * row['kept_rate']:.1f} % | {alarms} "
            f"| {accepted_share} | {right} |"
        )
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the flags, measure, print."""
    parser = argparse.ArgumentParser(description="Calibrate on val, measure once on test.")
    parser.add_argument(
        "--load-weights",
        type=Path,
        required=True,
        metavar="FILE",
        help="a checkpoint or an exported model",
    )
    parser.add_argument(
        "--gestures",
        type=Path,
        required=True,
        metavar="DIR",
        help="val.txt and test.txt of the model's own labels",
    )
    parser.add_argument(
        "--others",
        type=Path,
        required=True,
        metavar="DIR",
        help="val.txt and test.txt of people who do other things",
    )
    parser.add_argument(
        "--person-regex", metavar="REGEX", help="the person in a path of --gestures"
    )
    parser.add_argument(
        "--hand-detector",
        type=Path,
        metavar="FILE",
        help="for a network that was trained with --crop hand",
    )
    parser.add_argument("--num-workers", type=int, default=0, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to FILE")
    options = parser.parse_args(argv)
    found = measure(load_backend(options.load_weights), options)
    print(tables(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
