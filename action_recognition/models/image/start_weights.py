"""Start weights of a timm network: which names of a file stand for which of its tensors."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from action_recognition.models.inflation import PACKAGED_LITE0, image_form, lite0_names_in_timm

PREFIX = "backbone.network."
_NOT_FITTING = "of another shape"


def take_image_weights(
    state_dict: Mapping[str, Tensor], target: Mapping[str, Tensor]
) -> tuple[dict[str, str], dict[str, str]]:
    """Copy what fits from a timm network (or the packaged EfficientNet-Lite0) into `target`, a Recogniser's state_dict, in place.

    Returns names of ours by the file's names for what was copied, and reasons by the file's names for the rest.
    """
    form = image_form(state_dict)
    renamed = lite0_names_in_timm() if form is PACKAGED_LITE0 else {}
    taken: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for name, value in state_dict.items():
        ours = PREFIX + renamed.get(name, name)
        if name.endswith("num_batches_tracked"):
            skipped[name] = "batch counters"
        elif ours not in target:
            skipped[name] = "of the classifier or unknown to this network"
        elif value.shape != target[ours].shape:
            skipped[name] = _NOT_FITTING
        else:
            target[ours].copy_(value)
            taken[name] = ours
    return taken, skipped
