"""Start weights of a timm network: the names of a file, and the tensors they stand for."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from action_recognition.models.tensor_names.image_forms import (
    PACKAGED_LITE0,
    image_form,
    lite0_names_in_timm,
)

# The names of `TimmImage.network` in the state_dict of a `Recogniser`.
PREFIX = "backbone.network."
_NOT_FITTING = "of another shape"


def take_image_weights(
    state_dict: Mapping[str, Tensor], target: Mapping[str, Tensor]
) -> tuple[dict[str, str], dict[str, str]]:
    """Copy what fits into `target`, a Recogniser's state_dict, in place.

    `state_dict` is that of a timm network or of the packaged EfficientNet-Lite0. Returns our names
    by the file's names for what was copied, and reasons by the file's names for the rest.
    """
    # The packaged file has names that timm does not use.
    renamed = lite0_names_in_timm() if image_form(state_dict) is PACKAGED_LITE0 else {}
    taken: dict[str, str] = {}
    skipped: dict[str, str] = {}

    # Tensor by tensor: what does not fit is skipped with a reason.
    for name, value in state_dict.items():
        ours = PREFIX + renamed.get(name, name)
        reason = _reason_to_skip(name, value, target.get(ours))
        if reason is not None:
            skipped[name] = reason
        else:
            target[ours].copy_(value)
            taken[name] = ours
    return taken, skipped


def _reason_to_skip(name: str, value: Tensor, place: Tensor | None) -> str | None:
    """Return why a tensor is not copied, or None for one that fits."""
    if name.endswith("num_batches_tracked"):
        return "batch counters"
    if place is None:
        return "of the classifier or unknown to this network"
    return None if value.shape == place.shape else _NOT_FITTING
