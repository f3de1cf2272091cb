"""The kinds of networks that the accuracy gate quantises and scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from action_recognition.compression.post_training import quantise
from action_recognition.compression.scoring import score_model
from action_recognition.deploy.backends.protocol import Clips, Scores
from action_recognition.deploy.metadata import DeployMetadata

# OpenVINO is imported where it runs.
if TYPE_CHECKING:
    import openvino


class NetworkForm(Protocol):
    """The operations that the gate needs of a kind of network."""

    @property
    def method(self) -> str:
        """Return the way of quantisation, for the tables."""
        ...

    def quantise(
        self, model: openvino.Model, clips: Sequence[Clips], in_float: Sequence[str] = ()
    ) -> openvino.Model:
        """Return a quantised copy, in which the layers named `in_float` stay as they are.

        `clips` are (3, T, H, W) uint8 RGB.
        """
        ...

    def scores(self, model: openvino.Model, clips: Iterable[Clips]) -> Scores:
        """Return the scores (N, C) float32 of N clips."""
        ...


@dataclass(frozen=True)
class ClipForm:
    """A network that takes whole clips (or photos, clips of one frame)."""

    # The metadata say how pixels become the input.
    metadata: DeployMetadata
    method: str = "NNCF post-training quantisation, weights per channel, biases corrected"

    def quantise(
        self, model: openvino.Model, clips: Sequence[Clips], in_float: Sequence[str] = ()
    ) -> openvino.Model:
        """Return a quantised copy, in which the layers named `in_float` stay as they are."""
        return quantise(model, clips, self.metadata, in_float)

    def scores(self, model: openvino.Model, clips: Iterable[Clips]) -> Scores:
        """Return the scores (N, C) float32 of N clips."""
        return score_model(model, clips, self.metadata)
