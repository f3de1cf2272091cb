"""The angular head: an embedding of unit length, and its cosine to each class."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.layers import BATCH_NORM_EPS

# The head's names in the state_dict of a `Recogniser`.
HEAD_PREFIX = "head."
CLASS_DIRECTIONS = "head.class_directions"


class AngularHead(nn.Module):
    """The angular head.

        features (N, F) -- linear, BN, unit length --> embedding (N, E)
        embedding (N, E) -- times the unit directions of the classes --> cosine (N, C) in -1..1

    `class_directions` is (E, C). Its columns are brought to unit length here, so stored ones need
    not be.
    Source: REFERENCE section 2 (Head).
    """

    def __init__(self, feature_size: int, embedding_size: int, num_classes: int) -> None:
        super().__init__()
        self.project = nn.Linear(feature_size, embedding_size, bias=False)
        self.norm = nn.BatchNorm1d(embedding_size, eps=BATCH_NORM_EPS)
        self.class_directions = nn.Parameter(torch.empty(embedding_size, num_classes))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw fresh weights, as the original starts every training."""
        # The order matters: a run's random numbers depend on it.
        nn.init.kaiming_normal_(self.project.weight, mode="fan_out", nonlinearity="relu")
        self.norm.reset_parameters()

        # Directions that are uniform over the sphere.
        with torch.no_grad():
            self.class_directions.copy_(F.normalize(torch.randn_like(self.class_directions), dim=0))

    def embed(self, features: Tensor) -> Tensor:
        """Return the embedding (N, E) of unit length of pooled features (N, F)."""
        return F.normalize(self.norm(self.project(features)), dim=1, eps=1e-12)

    def forward(self, features: Tensor) -> Tensor:
        """Return the cosine (N, C) of pooled features (N, F)."""
        return self.cosine(self.embed(features))

    def cosine(self, embedding: Tensor) -> Tensor:
        """Return the cosine (N, C) between embeddings (N, E) and the classes."""
        cosine = embedding @ F.normalize(self.class_directions, dim=0)
        # Rounding can exceed 1 by an ulp, where the losses' angles are undefined. The exported
        # graph needs no clamp.
        return cosine.clamp(-1.0, 1.0) if self.training else cosine
