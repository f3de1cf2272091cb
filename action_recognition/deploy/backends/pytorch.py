"""Results of training runs in PyTorch: the one engine that needs the training installation."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from action_recognition.checkpoint import TrainedModel, load_trained_model
from action_recognition.console import counted
from action_recognition.deploy.backends.finite_values import finite_scores
from action_recognition.deploy.backends.protocol import (
    Clips,
    InferenceThreads,
    Scores,
    check_clips,
)
from action_recognition.deploy.metadata import DeployMetadata, calibrated, from_template
from action_recognition.errors import user_error
from action_recognition.models.build import trained_network
from action_recognition.models.recogniser import input_normalisation
from action_recognition.template import TeachableLandmarksConfig


class TorchBackend:
    """A training run's result in PyTorch, f32.

    `num_threads` sets the number of threads of the whole process.
    """

    def __init__(self, trained: TrainedModel, num_threads: int | None = None) -> None:
        self.metadata = from_trained(trained, trained.weights_sha256)
        self._network = trained_network(trained).eval()
        self._name = trained.source
        # A network of frames takes normalised pixels.
        self._normalize = input_normalisation(trained.template.input)

        self._queue = InferenceThreads(self.scores)
        if num_threads is not None:
            torch.set_num_threads(num_threads)
        threads = counted(torch.get_num_threads(), "thread")
        self.runs_as = f"PyTorch {torch.__version__}, f32, {threads}"

    def scores(self, clips: Clips) -> Scores:
        """Score clips, as `Backend.scores` says."""
        check_clips(clips, self.metadata)
        with torch.inference_mode():
            cosine = self._network(self._normalize(torch.from_numpy(np.ascontiguousarray(clips))))
        return finite_scores(np.asarray(cosine, np.float32), self._name)

    def submit(self, clip: Clips) -> Future[Scores]:
        """Score one clip later, as `Backend.submit` says."""
        check_clips(clip[None], self.metadata)
        return self._queue.submit(clip)


def open_checkpoint(path: Path, num_threads: int | None = None) -> TorchBackend:
    """Open a checkpoint of `train.py`. Errors: those of `load_trained_model`."""
    return TorchBackend(load_trained_model(path), num_threads)


def from_trained(trained: TrainedModel, weights_sha256: str) -> DeployMetadata:
    """Return the metadata of a training run's result.

    The export adds its choices by `dataclasses.replace`.
    """
    found = replace(
        from_template(trained.template, trained.labels, weights_sha256),
        model_type=trained.model.type,
    )
    if isinstance(trained.model, TeachableLandmarksConfig):
        found = replace(found, score_scale=_fitted_scale(trained))
    return found if trained.calibration is None else calibrated(found, trained.calibration)


def _fitted_scale(trained: TrainedModel) -> float:
    """Return the scale of the embedding's cosines. Raises UserError: it was not fitted."""
    scale = float(trained.state_dict["embedding.score_scale"])
    if not scale > 0.0:
        found = "its training has not ended, so its embedding is not fitted yet"
        fix = "continue with train.py --resume-from auto"
        raise user_error(f"weights {trained.weights_sha256[:12]}", found, fix=fix)
    return scale
