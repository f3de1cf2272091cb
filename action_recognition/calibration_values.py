"""The calibration of a model, as checkpoints and exported files store it. Imports no PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Calibration:
    """The values that calibrate.py found for weights with these labels, in output order.

    Probabilities are softmax(score_scale / `temperature` * cosine). A label is rejected if its
    probability is below its threshold (0..1). Every label is rejected if the standard deviation of
    the cosines is below `spread_threshold` (0 or more). `summary` describes the clips of the fit
    in plain values.
    """

    labels: tuple[str, ...]
    temperature: float
    # A label without a threshold is never rejected for its probability.
    thresholds: Mapping[str, float]
    spread_threshold: float = 0.0
    summary: Mapping[str, Any] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """Return the section of a checkpoint in plain values."""
        thresholds = {label: float(value) for label, value in self.thresholds.items()}
        plain: dict[str, Any] = {
            "labels": list(self.labels),
            "temperature": float(self.temperature),
            "thresholds": thresholds,
        }
        return plain | {
            "spread_threshold": float(self.spread_threshold),
            "summary": dict(self.summary),
        }
