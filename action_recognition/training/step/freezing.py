"""The parts of a network that learn, and those that keep their weights and statistics."""

from __future__ import annotations

from torch.nn.modules.batchnorm import _BatchNorm

from action_recognition.models.recogniser import Recogniser
from action_recognition.template import Training


def set_learning(network: Recogniser, training: Training, *, head_only: bool) -> None:
    """Set which modules train and which parameters take gradients, as the recipe wants it now.

    The first `frozen_blocks` stages of the backbone neither learn nor update the statistics of
    their batch norms. No parameter there takes a gradient, so that autograd stores nothing of them
    either. With `batch_norm` frozen the norms' scales and shifts still learn.
    """
    # In evaluation mode frozen batch norms keep their statistics too.
    for module in (network.backbone, network.pool):
        module.requires_grad_(not head_only)
        module.train(not head_only)

    # The first stages stay frozen during the whole run.
    for modules in network.backbone.stages()[: training.frozen_blocks]:
        for part in modules:
            part.requires_grad_(False).eval()

    # In evaluation mode a norm still learns its scale and shift.
    if training.batch_norm == "frozen":
        for part in network.backbone.modules():
            if isinstance(part, _BatchNorm):
                part.eval()
