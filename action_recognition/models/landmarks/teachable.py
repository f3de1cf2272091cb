"""An embedding for gestures that are taught after training: trained features and plain statistics.

    features (N, F) ----- whiten, unit length --+
                                                +-- weighted --> embedding (N, F + 601)
    statistics (N, 601) - whiten, unit length --+

Whitening makes the spread of clips within a gesture the same in all directions, as it was in the
training clips. So what differs between people counts little, and what differs between gestures
counts much. The cosine of two embeddings is the weighted mean of the cosines of both parts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from action_recognition.models.landmarks.descriptor import DESCRIPTOR_SIZE, ClipDescriptor
from action_recognition.template import TeachableEmbedding

# A feature that hardly changes among the training clips is not blown up.
_LEAST_SPREAD = 0.05


class Whitening(nn.Module):
    """An affine map, fitted to labelled features, to vectors of unit length.

    Shape: (N, F) -> (N, F).
    """

    mean: Tensor
    matrix: Tensor

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(num_features))
        self.register_buffer("matrix", torch.eye(num_features))

    def forward(self, features: Tensor) -> Tensor:
        """Return the whitened features, each row of unit length."""
        white = (features - self.mean) @ self.matrix
        unit: Tensor = white / torch.linalg.vector_norm(white, dim=1, keepdim=True).clamp_min(1e-6)
        return unit

    @torch.no_grad()
    def fit(self, features: Tensor, labels: Tensor, shrinkage: float) -> None:
        """Fit it to features (N, F) float32 with labels (N,).

        The covariance within the labels is drawn towards a multiple of the identity.
        Source: Ledoit and Wolf, A well-conditioned estimator for large-dimensional covariance
        matrices, 2004, with a fixed shrinkage.
        """
        values = features.double()
        mean = values.mean(0)
        spread = values.std(0) + _LEAST_SPREAD * values.std()
        scaled = (values - mean) / spread.clamp_min(1e-9)

        # The spread of clips around the mean of their label.
        _, number = torch.unique(labels, return_inverse=True)
        one_hot = F.one_hot(number).to(scaled.dtype)
        centres = (one_hot.T @ scaled) / one_hot.sum(0)[:, None]
        around = scaled - centres[number]
        covariance = around.T @ around / len(around)
        size = len(covariance)
        ball = torch.eye(size, dtype=scaled.dtype) * covariance.trace().clamp_min(1e-9) / size
        # Of all maps that whiten, the triangular one is found in the shortest time.
        lower = torch.linalg.cholesky((1.0 - shrinkage) * covariance + shrinkage * ball)
        identity = torch.eye(size, dtype=scaled.dtype)
        inverse = torch.linalg.solve_triangular(lower, identity, upper=False)

        self.mean.copy_(mean)
        self.matrix.copy_(inverse.T / spread.clamp_min(1e-9)[:, None])


class ClipEmbedding(nn.Module):
    """The embedding and the directions of the trained gestures in it.

    `class_directions` (E, C) are the means of the gestures' training clips, of unit length.
    `score_scale` turns cosines into logits. Both are 0 until `fit`: no model is used like that.
    """

    class_directions: Tensor
    score_scale: Tensor

    def __init__(self, config: TeachableEmbedding, num_features: int, num_classes: int) -> None:
        super().__init__()
        self.config = config
        self.descriptor = ClipDescriptor()
        self.of_features = Whitening(num_features)
        self.of_statistics = Whitening(DESCRIPTOR_SIZE)
        size = num_features + DESCRIPTOR_SIZE
        self.register_buffer("class_directions", torch.zeros(size, num_classes))
        self.register_buffer("score_scale", torch.zeros(()))

    def forward(self, features: Tensor, clips: Tensor) -> Tensor:
        """Return the embedding (N, E) of unit length, from features (N, F) of landmark clips."""
        return self._joined(features, self.descriptor(clips))

    def _joined(self, features: Tensor, statistics: Tensor) -> Tensor:
        share = self.config.descriptor_share
        trained = self.of_features(features) * math.sqrt(1.0 - share)
        plain = self.of_statistics(statistics) * math.sqrt(share)
        return torch.cat([trained, plain], 1)

    @torch.no_grad()
    def fit(self, features: Tensor, statistics: Tensor, labels: Tensor) -> None:
        """Fit both whitenings and the directions to training clips.

        Features are (N, F), statistics (N, 601), labels (N,). A class without clips gets no
        direction.
        """
        shrinkage = self.config.shrinkage
        self.of_features.fit(features, labels, shrinkage)
        self.of_statistics.fit(statistics, labels, shrinkage)
        embedding = self._joined(features, statistics)
        one_hot = F.one_hot(labels, self.class_directions.shape[1]).to(embedding.dtype)
        self.class_directions.copy_(F.normalize(embedding.T @ one_hot, dim=0))

    @torch.no_grad()
    def fit_scale(self, embedding: Tensor, labels: Tensor) -> None:
        """Choose the scale with the highest likelihood of labelled embeddings (N, E).

        They should be of clips that `fit` has not seen.
        """
        cosines = embedding @ self.class_directions
        candidates = torch.logspace(math.log10(3.0), math.log10(60.0), 60)
        losses = [float(F.cross_entropy(float(scale) * cosines, labels)) for scale in candidates]
        self.score_scale.fill_(float(candidates[losses.index(min(losses))]))
