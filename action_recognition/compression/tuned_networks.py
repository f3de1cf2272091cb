"""Fine-tuned networks for the accuracy gate: each fold's has seen none of its clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from action_recognition.checkpoint import TrainedModel
from action_recognition.compression.compress_forms import GateRun
from action_recognition.compression.gated_quantisation import Floats, progress_line
from action_recognition.compression.network_kinds import ClipForm
from action_recognition.compression.qat import FineTuning, fine_tune, num_batches
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.export.conversion import openvino_network


def tuned_form(metadata: DeployMetadata, tuning: FineTuning) -> ClipForm:
    """As a network that was not fine-tuned, by another name."""
    plain = ClipForm(metadata)
    return ClipForm(
        metadata,
        f"{tuning.epochs} epochs of quantisation-aware fine-tuning on training clips, then {plain.method}",
    )


def fine_tuned_networks(
    trained: TrainedModel, gate: GateRun, tuning: FineTuning, folder: Path
) -> Floats:
    """The network to quantise for a fold, fine-tuned on the training clips that are not in it; for None on all of them."""

    def network(without_fold: int | None) -> Any:
        clips = gate.clips
        indices = clips.to_quantise_on(len(clips.fold), tuning.seed, without_fold)
        batches = tuning.epochs * num_batches(
            len(indices), trained.template.hyper_parameters.basic.batch_size
        )
        with progress_line("fine-tuning", batches) as advance:
            tuned = fine_tune(trained, clips.stored.pixels[np.sort(indices)], tuning, advance)
        return openvino_network(tuned, gate.metadata, folder)

    return network
