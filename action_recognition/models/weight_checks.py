"""Checks on a weights file: the network that it holds, and how much of it fits."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from action_recognition.checkpoint import RawCheckpoint, trained_model
from action_recognition.errors import user_error
from action_recognition.models.image.start_weights import PREFIX
from action_recognition.models.tensor_names.image_forms import image_form
from action_recognition.models.tensor_names.original import ORIGINAL_MARK
from action_recognition.models.weight_copy import LoadReport
from action_recognition.template import (
    CausalConfig,
    ModelConfig,
    Template,
    TimmImageConfig,
    network_family,
)


def image_network_of(raw: RawCheckpoint, model: ModelConfig) -> Mapping[str, Tensor] | None:
    """Return the 2-D network of a file, for a network that can take it, or None without one.

    A file of others is taken as it is. Of a model of photos of ours, the network below the head is
    returned, by the names of timm.
    """
    # A file of others holds one if its names are known. A timm network takes any file.
    wants_image = isinstance(model, TimmImageConfig)
    if raw.form == "original":
        is_image = wants_image or image_form(raw.state_dict) is not None
        return raw.state_dict if is_image else None
    if wants_image or not isinstance(trained_model(raw).model, TimmImageConfig):
        return None

    # A model of photos of ours, for a network over time.
    below_head = {name: value for name, value in raw.state_dict.items() if name.startswith(PREFIX)}
    network = {name.removeprefix(PREFIX): value for name, value in below_head.items()}
    return network if image_form(network) is not None else None


def check_type(raw: RawCheckpoint, model: ModelConfig) -> None:
    """Refuse weights that are known to be of another family of network than the template's."""
    # Names and shapes tell: weights of which nothing fits are an error later.
    if raw.form == "original" and isinstance(model, TimmImageConfig):
        return

    # The family: of a 2-D network, as a checkpoint of ours states it, or by a tensor's name.
    image = image_network_of(raw, model)
    form = image_form(image) if image is not None else None
    if form is not None:
        found: str = form.network
    elif raw.form == "trained_model":
        found = trained_model(raw).model.type
    else:
        found = "s3d_mobilenet_v3" if ORIGINAL_MARK in raw.state_dict else model.type

    # A causal network starts from one for clips of its family, but not the other way round.
    same_family = network_family(found) == network_family(model.type)
    if not same_family or found not in (network_family(found), model.type):
        raise user_error(
            str(raw.path),
            f"holds weights of {f'the 2-D network ({form.name}) of {found}' if form else found}",
            f"weights of {model.type}, the type in this work dir's model.yaml",
        )


def refuse_for_causal(path: Path, model: ModelConfig) -> None:
    """Refuse a file of the original, whose networks see later frames, for a causal network."""
    if isinstance(model, CausalConfig):
        raise user_error(
            str(path),
            "holds weights of a network for clips, which sees later frames",
            f"a checkpoint of {model.type}",
            "train one from it: train.py --load-weights",
        )


def check_filled(path: Path, report: LoadReport, template: Template) -> None:
    """Refuse a file that leaves tensors of the network fresh, counters of batches aside."""
    # A missing counter changes no score.
    missing = [name for name in report.fresh if not name.endswith("num_batches_tracked")]
    if missing:
        first = ", ".join(missing[:3])
        raise user_error(
            str(path),
            f"does not fill the network: {len(missing)} tensors are missing or of another shape "
            f"({first}, ...)",
            f"weights of {template.name} with at least {len(template.labels)} classes",
        )


def check_something_fits(report: LoadReport, model: ModelConfig) -> None:
    """Refuse weights of which no tensor was copied."""
    if not report.loaded:
        raise user_error(
            report.source,
            "none of its tensors fits this network",
            f"weights of a {model.type}",
            "check that it belongs to this template",
        )
