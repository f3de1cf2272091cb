"""Recognisers over landmarks in streams: for training, and with explicit states for live use."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from action_recognition.models.head import AngularHead
from action_recognition.models.landmarks.causal_network import CausalHandLandmarksNet
from action_recognition.models.recogniser import Recogniser


class CausalLandmarkRecogniser(Recogniser):
    """A recogniser over landmarks that looks at the past only.

    Shape: landmarks (N, 4, T, 2, 21) float -> cosine (N, C) of each class for the whole clip, from
    the mean of its frames. `step_cosine` returns the cosine after every frame.
    """

    backbone: CausalHandLandmarksNet

    def __init__(self, backbone: CausalHandLandmarksNet, head: AngularHead) -> None:
        super().__init__(backbone, head)

    @property
    def frames_per_step(self) -> int:
        """Return the frames from one step to the next."""
        return 1

    def step_cosine(self, clips: Tensor) -> Tensor:
        """Return the cosine (N, T, C) after every frame."""
        return self.head_at_steps(self.backbone.at_steps(clips))

    def head_at_steps(self, features: Tensor) -> Tensor:
        """Return the cosine (N, T, C) of features (N, T, F)."""
        # The head's batch norm takes rows: steps go into the batch and back.
        cosine: Tensor = self.head(features.flatten(0, 1))
        return cosine.view(*features.shape[:2], -1)


class StatefulLandmarkNetwork(nn.Module):
    """A causal network over landmarks in its step form.

    Input: landmarks (k, 2, 21, 4) float, see `hands.slots.HandArray`, and the states of the call
    before. Output: cosine (k, C), and the states for the next call. It is always in evaluation
    mode.
    """

    def __init__(self, recogniser: CausalLandmarkRecogniser, frames_per_call: int) -> None:
        super().__init__()
        if frames_per_call < 1:
            raise ValueError(f"frames_per_call {frames_per_call}, expected 1 or more")
        self.recogniser, self.frames_per_call = recogniser, frames_per_call
        self.eval().requires_grad_(False)

    @property
    def frames_per_score(self) -> int:
        """Return the number of frames from one score to the next."""
        return 1

    def forward(self, landmarks: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        """Return the cosine (k, C), then the new states."""
        clip = landmarks.permute(3, 0, 1, 2)[None]
        features, going = self.recogniser.backbone.step(clip, states)
        head = self.recogniser.head
        embedding = head.norm(head.project(features[0]))
        # As in the exported form for clips: torch's normalize would leave its shapes in the graph.
        unit = embedding / torch.linalg.vector_norm(embedding, dim=1, keepdim=True).clamp_min(1e-12)
        return head.cosine(unit), *going

    def initial_states(self, hands: int, points: int) -> list[Tensor]:
        """Return the zeros with which a stream begins, for frames (k, hands, points, 4)."""
        return self.recogniser.backbone.first_states(1)
