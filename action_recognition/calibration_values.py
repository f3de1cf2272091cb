"""The values that `calibrate.py` finds for a model, as checkpoints and exported files keep them. No PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Calibration:
    """What calibrate.py found for weights with these labels, in output order.

    Probabilities are softmax(score_scale / `temperature` * cosine); a label whose probability is below its threshold (0..1) is not taken,
    and none is where the standard deviation of the cosines is below `spread_threshold` (0 or more).
    `summary` says what it was fitted on: plain values.
    """

    labels: tuple[str, ...]
    temperature: float
    thresholds: Mapping[str, float]
    spread_threshold: float = 0.0
    summary: Mapping[str, Any] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """The section of a checkpoint."""
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
