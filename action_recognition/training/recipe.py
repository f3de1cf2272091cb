"""The losses of one training step, put together as a template says."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.losses.am_softmax import AMSoftmaxLoss
from action_recognition.losses.attention import TotalVarianceLoss
from action_recognition.losses.clip_mixing import ClipMixingLoss
from action_recognition.losses.cross_entropy import CrossEntropyLoss
from action_recognition.losses.push import CentrePushLoss, LocalPushLoss
from action_recognition.losses.self_challenging import self_challenge
from action_recognition.models.recogniser import Recogniser
from action_recognition.template import AMSoftmax, BackboneConfig, CrossEntropy, Training


class Recipe(nn.Module):
    r"""Weighted losses by name, of which the sum is what training minimises.

        clips -> backbone -> pooled features -> [dropout] -> [self-challenging] -> head -> embedding, cosine
                    \-> attention masks

    With self-challenging the head runs twice: once with batch statistics, to find the features that decide, then with its running
    statistics on what is left of them; all losses use the second pass. Source: REFERENCE sections 3 and 4.
    """

    def __init__(self, training: Training, backbone: BackboneConfig) -> None:
        super().__init__()
        loss, extra = training.loss, training.regularisers
        self.classification_name, self.classification = loss.type, _classification_loss(loss)
        self.feature_dropout = training.feature_dropout
        self.extra = extra
        self.local_push = LocalPushLoss(extra.local_push.margin) if extra.local_push else None
        self.centre_push = CentrePushLoss(extra.centre_push.margin) if extra.centre_push else None
        self.clip_mixing = ClipMixingLoss(training.clips_per_video) if extra.clip_mixing else None
        # A mask that also has a temporal branch is smoothed over time too.
        self.total_variance = TotalVarianceLoss(3 if "spatial_temporal" in backbone.attention else 1) if extra.attention else None

    def forward(
        self, network: Recogniser, clips: Tensor, labels: Tensor, *, scale: float, unchanged: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Losses by name for normalised clips (N, 3, T, H, W); `unchanged` (N,) bool pins what self-challenging draws.

        `labels` are (N,) int64, or of mixed clips (N, C) float: the template then has no part that needs one label a clip.
        """
        feature_maps, masks = network.backbone(clips)
        features = F.dropout(network.pool(feature_maps), self.feature_dropout, network.training)
        embedding = self._embedding(network, features, labels, unchanged)
        cosine = network.head.cosine(embedding)
        losses: dict[str, Tensor] = {self.classification_name: self.classification(cosine, labels, scale=scale)}
        extra = self.extra
        if self.total_variance is not None and extra.attention is not None and masks:
            losses["attention"] = extra.attention.weight * torch.stack([self.total_variance(mask) for mask in masks]).mean()
        if self.local_push is not None and extra.local_push is not None:
            losses["local_push"] = extra.local_push.weight * self.local_push(embedding, cosine, labels)
        if self.centre_push is not None and extra.centre_push is not None:
            losses["centre_push"] = extra.centre_push.weight * self.centre_push(network.head.class_directions)
        if self.clip_mixing is not None and extra.clip_mixing is not None:
            losses["clip_mixing"] = extra.clip_mixing.weight * self.clip_mixing(cosine, labels, scale=scale)
        return losses

    def _embedding(self, network: Recogniser, features: Tensor, labels: Tensor, unchanged: Tensor | None) -> Tensor:
        head, config = network.head, self.extra.self_challenging
        if config is None:
            return head.embed(features)
        if unchanged is None:
            unchanged = torch.rand(len(labels), device=labels.device) < config.unchanged_share
        challenged = self_challenge(features, head, labels, retain_share=config.retain_share, unchanged=unchanged)
        head.norm.eval()
        try:
            return head.embed(challenged)
        finally:
            head.norm.train()


def _classification_loss(loss: AMSoftmax | CrossEntropy) -> AMSoftmaxLoss | CrossEntropyLoss:
    if isinstance(loss, CrossEntropy):
        return CrossEntropyLoss(label_smoothing=loss.label_smoothing)
    return AMSoftmaxLoss(
        margin=loss.margin, entropy_weight=loss.entropy_weight, use_pr_product=loss.pr_product, hard_sample_weight=loss.hard_sample_weight
    )
