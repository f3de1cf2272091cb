"""Fine-tuned networks for the accuracy gate. That of a fold has seen none of the fold's clips."""

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
    """Return the form of a network of clips whose method names the fine-tuning."""
    training = f"{tuning.epochs} epochs of quantisation-aware fine-tuning on training clips"
    return ClipForm(metadata, f"{training}, then {ClipForm(metadata).method}")


def fine_tuned_networks(
    trained: TrainedModel, gate: GateRun, tuning: FineTuning, folder: Path
) -> Floats:
    """Return a function from a fold to the network to quantise for it.

    The network is fine-tuned on the training clips outside the fold, and for None on all of them.
    """

    def network(without_fold: int | None) -> Any:
        """Fine-tune the weights and convert them for OpenVINO."""
        clips = gate.clips
        indices = clips.to_quantise_on(len(clips.fold), tuning.seed, without_fold)
        batch_size = trained.template.hyper_parameters.basic.batch_size
        batches = tuning.epochs * num_batches(len(indices), batch_size)

        with progress_line("fine-tuning", batches) as advance:
            # Sorted indices read the file of pixels from front to back.
            pixels = clips.stored.pixels[np.sort(indices)]
            tuned = fine_tune(trained, pixels, tuning, advance)
        return openvino_network(tuned, gate.metadata, folder)

    return network
