"""Pictures of numbers, drawn without a screen. The first picture imports matplotlib."""

from action_recognition.plots.data_sets import draw_clip_statistics
from action_recognition.plots.evaluation import (
    draw_accuracy_over_latency,
    draw_confusion_matrix,
    draw_false_alarms,
    draw_reliability_diagram,
    draw_risk_coverage,
)
from action_recognition.plots.figure import save_picture
from action_recognition.plots.training import (
    draw_learning_curve,
    draw_rate_sweep,
    draw_shares,
    draw_training_curves,
)

# The modules behind these names may change.
__all__ = [
    "draw_accuracy_over_latency",
    "draw_clip_statistics",
    "draw_confusion_matrix",
    "draw_false_alarms",
    "draw_learning_curve",
    "draw_rate_sweep",
    "draw_reliability_diagram",
    "draw_risk_coverage",
    "draw_shares",
    "draw_training_curves",
    "save_picture",
]
