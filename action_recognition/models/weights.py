"""Start weights and inference weights: a weights file or a keyword, copied into a network.

Source: REFERENCE section 6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

from torch import Tensor

from action_recognition.checkpoint import (
    RawCheckpoint,
    TrainedModel,
    read_checkpoint,
    trained_model,
)
from action_recognition.download import StartKeyword
from action_recognition.errors import nearest, user_error
from action_recognition.models.build import build_recogniser
from action_recognition.models.head import CLASS_DIRECTIONS, HEAD_PREFIX
from action_recognition.models.image.start_weights import take_image_weights
from action_recognition.models.inflation import inflate
from action_recognition.models.pretrained import (
    KINETICS700_SOURCE,
    NO_LICENCE,
    imagenet_weights,
    kinetics700_file,
)
from action_recognition.models.recogniser import Recogniser
from action_recognition.models.tensor_names.image_forms import image_form
from action_recognition.models.weight_checks import (
    check_filled,
    check_something_fits,
    check_type,
    image_network_of,
    refuse_for_causal,
)
from action_recognition.models.weight_copy import LoadReport, copy_tensors
from action_recognition.template import (
    CausalConfig,
    ModelConfig,
    Template,
    TimmImageConfig,
    network_family,
)


def load_start_weights(
    network: Recogniser, model: ModelConfig, start: Path | StartKeyword, labels: Sequence[str]
) -> LoadReport:
    """Copy what fits from `start` into a network that will be trained on `labels`.

    `start` is a keyword or a file: a checkpoint of ours, of the original, or of a 2-D network. A
    2-D network is inflated, and so is that of a model of photos.

    The head stays fresh, as in the original. The exception is a checkpoint of ours whose labels are
    all among `labels`: then only the directions of new labels are fresh. Counters of batches are
    never copied.

    Tensors that do not fit are skipped and reported. Errors: the weights are of another type of
    network, or nothing fits.
    """
    # Published weights of a 2-D network.
    if start == "imagenet":
        image = imagenet_weights(model)
        report = LoadReport(image.source, image.sha256, licence=image.licence)
        return _load_image(network, model, image.state_dict, report)

    # A file with a 2-D network.
    raw = read_checkpoint(_start_file(start, model))
    check_type(raw, model)
    state_dict = image_network_of(raw, model)
    if state_dict is not None:
        report = LoadReport(str(raw.path), raw.sha256, licence=_licence(raw))
        return _load_image(network, model, state_dict, report)

    # A file with a network for clips.
    report = _load_video(network, model, raw, labels)
    if start == "kinetics700":
        report.source = KINETICS700_SOURCE
    check_something_fits(report, model)
    return report


def load_for_inference(path: Path, template: Template, model: ModelConfig) -> TrainedModel:
    """Load a model to evaluate or export.

    It is a checkpoint of ours, or one of the original, read with the work dir's template.

    A file of the original carries label numbers at most, so its labels are the template's. Where it
    has more classes than the template, the template's are picked: by number where the file states
    the numbers, else the first ones.
    """
    # A checkpoint of ours states everything itself.
    raw = read_checkpoint(path)
    if raw.form == "trained_model":
        return trained_model(raw)
    check_type(raw, model)
    refuse_for_causal(path, model)

    # One of the original has to fill the work dir's network.
    labels = tuple(template.labels)
    network = build_recogniser(model, len(labels))
    report = copy_tensors(network, model, raw, head="keep", counters=True)
    check_filled(path, report, template)
    record = {"source": str(path), "form": "original", "loaded": str(report)}
    return TrainedModel(network.state_dict(), labels, template, model, record, raw.sha256)


def _start_file(start: Path | StartKeyword, model: ModelConfig) -> Path:
    """Return the file that `start` names. Errors: there is none, or none for this network."""
    if start == "kinetics700":
        if network_family(model.type) != "s3d_mobilenet_v3":
            raise user_error(
                "--load-weights kinetics700",
                "exists for s3d_mobilenet_v3 only",
                f"imagenet, or a file with weights of {model.type}",
            )
        return kinetics700_file()

    # A mistyped keyword looks like a file that is not there.
    file = Path(start)
    if not file.is_file():
        keywords = get_args(StartKeyword)
        found = f"there is no such weights file{nearest(str(file), keywords)}"
        fix = (
            f"name a file that is there, take --load-weights {' or '.join(keywords)}, "
            "or leave the flag out to train from scratch"
        )
        raise user_error(str(file), found, fix=fix)
    return file


def _load_image(
    network: Recogniser, model: ModelConfig, state_dict: Mapping[str, Tensor], report: LoadReport
) -> LoadReport:
    """Copy a 2-D network's weights into the backbone, and complete the report."""
    # For photos as it is, for clips with an axis of time.
    target = network.state_dict()
    if isinstance(model, TimmImageConfig):
        taken, report.skipped = take_image_weights(state_dict, target)
    else:
        form, causal = image_form(state_dict), isinstance(model, CausalConfig)
        assert form is not None
        taken, report.skipped = inflate(form, state_dict, target, causal=causal)

    report.loaded = list(taken.values())
    report.fresh = sorted(set(target) - set(report.loaded))
    check_something_fits(report, model)
    return report


def _load_video(
    network: Recogniser, model: ModelConfig, raw: RawCheckpoint, labels: Sequence[str]
) -> LoadReport:
    """Copy the weights of a network for clips, with its head as far as it knows `labels`."""
    trained = trained_model(raw) if raw.form == "trained_model" else None
    same_labels = trained is not None and trained.labels == tuple(labels)
    report = copy_tensors(
        network, model, raw, head="keep" if same_labels else "reset", counters=False
    )

    # Where labels were added, keep the directions of the known ones.
    report.licence = _licence(raw)
    if trained is not None and not same_labels and set(trained.labels) <= set(labels):
        _keep_known_classes(network, trained, labels, report)
    return report


def _keep_known_classes(
    network: Recogniser, trained: TrainedModel, labels: Sequence[str], report: LoadReport
) -> None:
    """Copy the head of a model that knows some of `labels`. The other directions stay fresh."""
    # Our column of each label that the model knows.
    target = network.state_dict()
    columns = [list(labels).index(label) for label in trained.labels]
    in_head = [name for name in target if name.startswith(HEAD_PREFIX)]
    for name in in_head:
        if name.endswith("num_batches_tracked"):
            continue
        value, place = trained.state_dict[name], target[name]
        if name == CLASS_DIRECTIONS:
            place = place[:, columns]
        if value.shape != place.shape:
            continue

        # Indexing by columns made a copy: the values go into the tensor itself.
        if name == CLASS_DIRECTIONS:
            target[name][:, columns] = value
        else:
            target[name].copy_(value)
        del report.skipped[name]
        report.loaded.append(name)
    report.fresh = [name for name in report.fresh if name not in report.loaded]


def _licence(raw: RawCheckpoint) -> str:
    """Return the licence of the weights that a checkpoint of ours started from, if it is known."""
    if raw.form != "trained_model":
        return NO_LICENCE
    start = trained_model(raw).record.get("start_weights")
    licence = start.get("licence") if isinstance(start, Mapping) else None
    return f"{licence} (of the weights that it started from)" if licence else NO_LICENCE
