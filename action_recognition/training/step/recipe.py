"""The losses of one training step, combined as a template says."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.losses.am_softmax import AMSoftmaxLoss
from action_recognition.losses.attention import TotalVarianceLoss
from action_recognition.losses.clip_mixing import ClipMixingLoss
from action_recognition.losses.cross_entropy import CrossEntropyLoss
from action_recognition.losses.early import EarlyCrossEntropyLoss
from action_recognition.losses.push import CentrePushLoss, LocalPushLoss
from action_recognition.losses.self_challenging import self_challenge
from action_recognition.models.causal import CausalRecogniser
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.stateful.landmarks import CausalLandmarkRecogniser
from action_recognition.template import (
    BackboneConfig,
    CrossEntropy,
    EarlyCrossEntropy,
    LossConfig,
    Training,
)
from action_recognition.training.machine.precision import no_autocast, whole_precision


class Recipe(nn.Module):
    r"""Weighted losses by name. Training minimises their sum.

        clips -> backbone -> pooling -> [dropout] -> [self-challenging] -> head -> embedding, cosine
                    \-> attention masks

    With self-challenging the head runs twice. The first pass uses batch statistics and finds the
    features that decide. The second pass uses the head's running statistics on the features that
    are left. All losses use the second pass. Source: REFERENCE sections 3 and 4.
    """

    def __init__(self, training: Training, backbone: BackboneConfig) -> None:
        super().__init__()
        loss, extra = training.loss, training.regularisers
        self.classification_name, self.classification = loss.type, _classification_loss(loss)
        self.feature_dropout = training.feature_dropout
        self.extra = extra
        # Of the latest batch, for the accuracy on training clips.
        self.cosine = torch.zeros(0, 0)
        self.local_push = LocalPushLoss(extra.local_push.margin) if extra.local_push else None
        self.centre_push = CentrePushLoss(extra.centre_push.margin) if extra.centre_push else None
        self.clip_mixing = ClipMixingLoss(training.clips_per_video) if extra.clip_mixing else None

        # A mask that also has a temporal branch is smoothed over time too.
        num_dimensions = 3 if "spatial_temporal" in backbone.attention else 1
        self.total_variance = TotalVarianceLoss(num_dimensions) if extra.attention else None

    def forward(
        self,
        network: Recogniser,
        clips: Tensor,
        labels: Tensor,
        *,
        scale: float,
        unchanged: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Compute the losses by name for normalised clips (N, 3, T, H, W).

        `labels` are (N,) int64. Labels of mixed clips are (N, C) float, and the template then has
        no part that needs one label per clip. Labels for a causal network are (N, S) int64, one per
        step. `unchanged` (N,) bool fixes the draw of self-challenging.
        """
        if isinstance(self.classification, EarlyCrossEntropyLoss):
            return self._over_steps(network, self.classification, clips, labels, scale)
        feature_maps, masks = network.backbone(clips)

        # A loss that scales the cosine needs more digits than half precision has.
        with no_autocast(clips):
            feature_maps = whole_precision(feature_maps)
            masks = [whole_precision(mask) for mask in masks]
            features = F.dropout(network.pool(feature_maps), self.feature_dropout, network.training)
            embedding = self._embedding(network, features, labels, unchanged)
            losses = self._of_labels(network, embedding, labels, scale)
            return losses | self._of_masks_and_centres(network, masks)

    def _of_labels(
        self, network: Recogniser, embedding: Tensor, labels: Tensor, scale: float
    ) -> dict[str, Tensor]:
        """Compute the losses that compare embedding and cosine with the labels."""
        cosine, extra = network.head.cosine(embedding), self.extra
        self.cosine = cosine.detach()
        losses: dict[str, Tensor] = {
            self.classification_name: self.classification(cosine, labels, scale=scale)
        }

        # The regularisers of the template.
        if self.local_push is not None and extra.local_push is not None:
            pushed = self.local_push(embedding, cosine, labels)
            losses["local_push"] = extra.local_push.weight * pushed
        if self.clip_mixing is not None and extra.clip_mixing is not None:
            mixed = self.clip_mixing(cosine, labels, scale=scale)
            losses["clip_mixing"] = extra.clip_mixing.weight * mixed
        return losses

    def _over_steps(
        self,
        network: Recogniser,
        classification: EarlyCrossEntropyLoss,
        clips: Tensor,
        targets: Tensor,
        scale: float,
    ) -> dict[str, Tensor]:
        """Compute the losses of a causal network, which has a cosine at every step."""
        masks: list[Tensor] = []
        if isinstance(network, CausalLandmarkRecogniser):
            pooled = network.backbone.at_steps(clips)
        else:
            assert isinstance(network, CausalRecogniser)
            feature_maps, masks = network.backbone(clips)
            pooled = network.running_pool(feature_maps)
        cosine = network.head_at_steps(F.dropout(pooled, self.feature_dropout, network.training))
        self.cosine = cosine.detach()
        losses = {self.classification_name: classification(cosine, targets, scale=scale)}
        return losses | self._of_masks_and_centres(network, masks)

    def _of_masks_and_centres(self, network: Recogniser, masks: list[Tensor]) -> dict[str, Tensor]:
        """Compute the losses that need no label."""
        # A backbone without attention has no masks.
        losses, extra = {}, self.extra
        if self.total_variance is not None and extra.attention is not None and masks:
            variances = torch.stack([self.total_variance(mask) for mask in masks])
            losses["attention"] = extra.attention.weight * variances.mean()
        if self.centre_push is not None and extra.centre_push is not None:
            pushed = self.centre_push(network.head.class_directions)
            losses["centre_push"] = extra.centre_push.weight * pushed
        return losses

    def _embedding(
        self, network: Recogniser, features: Tensor, labels: Tensor, unchanged: Tensor | None
    ) -> Tensor:
        head, config = network.head, self.extra.self_challenging
        if config is None:
            return head.embed(features)
        if unchanged is None:
            unchanged = torch.rand(len(labels), device=labels.device) < config.unchanged_share
        challenged = self_challenge(
            features, head, labels, retain_share=config.retain_share, unchanged=unchanged
        )

        # The second pass uses the running statistics.
        head.norm.eval()
        try:
            return head.embed(challenged)
        finally:
            head.norm.train()


def top1_of_step(cosine: Tensor, targets: Tensor) -> tuple[float, int]:
    """Return the share (0..1) of clips whose best cosine is that of their label, and their number.

    Args:
        cosine: (N, C), or (N, S, C) for the steps of streams, which count one by one.
        targets: labels (N,) or (N, S). Those below 0 are left out. Or shares of the classes (N, C)
            of mixed clips, of which the largest counts.

    >>> top1_of_step(torch.tensor([[0.9, 0.1], [0.8, 0.2]]), torch.tensor([0, 1]))
    (0.5, 2)

    """
    labels = targets.argmax(dim=-1) if targets.is_floating_point() else targets
    labelled = labels >= 0
    right = (cosine.argmax(dim=-1) == labels)[labelled]
    return (float(right.float().mean()), len(right)) if len(right) else (0.0, 0)


def _classification_loss(
    loss: LossConfig,
) -> AMSoftmaxLoss | CrossEntropyLoss | EarlyCrossEntropyLoss:
    if isinstance(loss, EarlyCrossEntropy):
        return EarlyCrossEntropyLoss(
            label_smoothing=loss.label_smoothing,
            first_step_weight=loss.first_step_weight,
            monotony_weight=loss.monotony_weight,
        )

    if isinstance(loss, CrossEntropy):
        return CrossEntropyLoss(label_smoothing=loss.label_smoothing)
    return AMSoftmaxLoss(
        margin=loss.margin,
        entropy_weight=loss.entropy_weight,
        use_pr_product=loss.pr_product,
        hard_sample_weight=loss.hard_sample_weight,
    )
