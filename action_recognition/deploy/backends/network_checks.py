"""Checks of a network's inputs and outputs against the form of a recogniser and its metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from action_recognition.deploy.metadata import DeployMetadata, from_strings
from action_recognition.errors import user_error
from action_recognition.hands.slots import CHANNELS, NUM_HANDS

Shape = tuple[int | str | None, ...]
"""Sizes of an input or output. Text or None where a size is not fixed."""

_MARK = "format_version"  # a key in every file that export.py wrote
_CLIP_FORM = "one input (1, 3, frames, height, width), one output (1, labels)"
_EXPORT_AGAIN = "export the model again with export.py"


@dataclass(frozen=True)
class NetworkShapes:
    """The shapes of all inputs and outputs of a network."""

    inputs: list[Shape]
    outputs: list[Shape]


def clip_metadata(
    path: Path,
    shapes: NetworkShapes,
    strings: Mapping[str, str],
    given: DeployMetadata | None = None,
) -> DeployMetadata:
    """Check a network for clips and return its metadata: those in its file, or those given.

    Raises UserError: another kind of network, no metadata, or metadata of another network.
    """
    _check_form(path, shapes)
    metadata = given
    if metadata is None:
        check_metadata_are_there(path, strings, shapes)
        metadata = from_strings(strings, str(path))
    _check_shapes(path, metadata, shapes)
    return metadata


def check_metadata_are_there(path: Path, keys: Iterable[str], shapes: NetworkShapes) -> None:
    """Refuse a file of which the metadata's `keys` are not ours.

    The error lists the facts that such a network lacks and says how to state them.
    """
    if _MARK in keys:
        return

    # The callers have made sure of five axes.
    _, _, clip_len, height, width = shapes.inputs[0]
    raise user_error(
        str(path),
        f"carries no metadata of this toolkit. It takes {clip_len} frames of {width}x{height} and "
        f"gives {shapes.outputs[0][-1]} scores, but does not state the labels, the frame rate, the "
        "short side that frames are cut from, the colour order, mean, scale and score scale",
        fix="export it again with export.py, or state them: "
        "Predictor.from_path(path, metadata=DeployMetadata(...))",
    )


def check_stateful_shapes(
    path: Path, metadata: DeployMetadata, frames: Shape, scores: Shape
) -> None:
    """Refuse a stateful network that its metadata do not describe.

    `frames` and `scores` are the shapes of its first input and output.
    """
    layout = metadata.stream
    if layout is None:
        found = "keeps a state, but its metadata do not say how it is fed"
        raise user_error(str(path), found, fix=_EXPORT_AGAIN)

    k = layout.frames_per_call
    # One call: k frames, and one score for every `frames_per_score` of them.
    values, _, *sides = metadata.clip_shape
    expected_frames = (k, *sides, values)
    expected_scores = (k // layout.frames_per_score, len(metadata.labels))
    if (frames, scores) != (expected_frames, expected_scores):
        expected = f"its metadata say {expected_frames} and {expected_scores}"
        raise user_error(
            str(path), f"takes {frames} and gives {scores}, {expected}", fix=_EXPORT_AGAIN
        )

    # A clip is scored call by call, too.
    if metadata.clip_len % k:
        found = f"a clip of {metadata.clip_len} frames does not divide into calls of {k}"
        raise user_error(str(path), found, fix=_EXPORT_AGAIN)


def _check_form(path: Path, shapes: NetworkShapes) -> None:
    """Refuse a network of another kind: for images, with other inputs, or with other axes."""
    kind = _other_kind(shapes.inputs, shapes.outputs)
    if kind:
        found = f"{kind}: it takes {_list(shapes.inputs)} and gives {_list(shapes.outputs)}"
        raise user_error(str(path), found, _CLIP_FORM, "name a model that export.py wrote")


def _other_kind(inputs: list[Shape], outputs: list[Shape]) -> str:
    """Say why such a network cannot recognise clips. The text is empty if it can."""
    if len(inputs) != 1 or len(outputs) != 1:
        return "is a network with several inputs or outputs, or with none"
    # (1, 3, H, W)
    if len(inputs[0]) == 4:
        return "is a network for single images"
    if len(inputs[0]) != 5 or len(outputs[0]) != 2:
        return "is no network that classifies clips"
    takes_landmarks = inputs[0][1::2] == (len(CHANNELS), NUM_HANDS)
    if inputs[0][1] != 3 and not takes_landmarks:
        return "has its axes in another order: the second is not the three colours"
    return ""


def _check_shapes(path: Path, metadata: DeployMetadata, shapes: NetworkShapes) -> None:
    """Refuse a network for clips that its metadata do not describe."""
    fix = "export the model again"
    # The exported graphs take one clip at a time.
    expected_input = (1, *metadata.clip_shape)
    if shapes.inputs != [expected_input]:
        found = f"takes {_list(shapes.inputs)}, its metadata say {expected_input}"
        raise user_error(str(path), found, fix=fix)

    num_labels = len(metadata.labels)
    if shapes.outputs != [(1, num_labels)]:
        found = f"gives {_list(shapes.outputs)}, its metadata name {num_labels} labels"
        raise user_error(str(path), found, f"(1, {num_labels})", fix)


def _list(shapes: list[Shape]) -> str:
    texts = (", ".join("?" if size is None else str(size) for size in shape) for shape in shapes)
    return " and ".join(f"({text})" for text in texts) or "nothing"
