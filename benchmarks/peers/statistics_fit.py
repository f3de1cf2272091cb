"""Our plain statistics of a clip, whitened: what the studio learns in a second, without training.

Its values are the product's: nothing of it is chosen here.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from action_recognition.data.landmarks.sampling import as_network_input, spread_clip
from action_recognition.hands.slots import while_seen
from action_recognition.template import LandmarkInput, load_template_dir
from action_recognition.training.few_clips.quick_landmarks import fitted_statistics
from benchmarks.peers.clips import ClipSet
from benchmarks.peers.product import TEMPLATES
from benchmarks.peers.recipe import Recipe, Scores, Values


def fit(train: ClipSet, num_classes: int, values: Values, seed: int) -> Scores:
    """Fit as the studio does. `values` are empty, and `seed` has no part in it."""
    template, _ = load_template_dir(TEMPLATES / "hand-landmarks-clips")
    assert isinstance(template.input, LandmarkInput)
    length = template.input.clip_len
    hands = [while_seen(array) for array in train.hands]
    network = fitted_statistics(hands, train.labels.tolist(), num_classes, template)
    network.embedding.score_scale.fill_(1.0)

    def scores(clips: ClipSet) -> NDArray[np.float32]:
        arrays = [while_seen(array) for array in clips.hands]
        inputs = np.stack([as_network_input(spread_clip(array, length)) for array in arrays])
        with torch.inference_mode():
            return np.asarray(network(torch.from_numpy(inputs)).numpy())

    return scores


STATISTICS: Final = Recipe("statistics", "(f) ours: statistics, as the studio learns", [{}], fit)
