"""The choice of the template, and of how the model is measured. Both say why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from action_recognition.building.source import Kind, LookedAt
from action_recognition.errors import UserError, user_error
from action_recognition.hands.network_files import checked_hand_models
from action_recognition.program import TOOLKIT, typed
from action_recognition.template import (
    LandmarkInput,
    load_template_dir,
    named_template,
    network_family,
)

Input = Literal["landmarks", "pixels"]
Measure = Literal["folds", "split"]
# From this share of clips with a hand on, landmarks are right more often than pixels.
_CLIPS_WITH_HAND = 0.7
# Below this number of clips, a test part would be of one or two people.
_FEW_CLIPS = 400
_FEW_PEOPLE = 15
_TEMPLATES: dict[tuple[Input, Kind], str] = {
    ("landmarks", "clips"): "hand_landmarks/hand-landmarks-clips",
    ("landmarks", "photos"): "hand_landmarks/hand-landmarks-photos",
    ("pixels", "clips"): "gesture_recognition/s3d-rgb-efficientnet-lite0-stream",
    ("pixels", "photos"): "image_gesture/resnet18-fingers-5",
}
# The backbone in place of the template's: its ImageNet weights are an installed package.
_BACKBONES: dict[tuple[Input, Kind], str] = {("pixels", "photos"): "tf_efficientnet_lite0"}


@dataclass(frozen=True)
class TemplateChoice:
    """The folder of a template, and why it was taken.

    `backbone` replaces that of the template. None leaves it as it is.
    """

    input: Input
    template: Path
    why: str
    has_imagenet_weights: bool = True
    backbone: str | None = None

    def __str__(self) -> str:
        backbone = "" if self.backbone is None else f" with the backbone {self.backbone}"
        return f"template {self.template.name}{backbone}: {self.why}"


@dataclass(frozen=True)
class MeasureChoice:
    """The way the accuracy is measured: on `num_folds` parts in turn, or on a part that is kept."""

    measure: Measure
    num_folds: int
    why: str


def can_track_hands() -> bool:
    """Return True if the networks that find hands are there."""
    try:
        checked_hand_models(None)
    except UserError:
        return False
    return True


@dataclass(frozen=True)
class TemplateWishes:
    """Statements of the user about the template. None leaves it to the clips."""

    input: Input | None = None
    folder: Path | None = None

    def check(self, kind: Kind) -> None:
        """Raise UserError: the wished template is none, or cannot be trained here."""
        if self.folder is not None:
            _of_folder(self.folder, kind)
        elif self.input == "landmarks" and not can_track_hands():
            fix = typed("tools/fetch_hands.py")
            raise user_error("--input-kind landmarks", "the networks of hands are missing", fix=fix)


def choose_template(kind: Kind, wishes: TemplateWishes, hands_file: Path) -> TemplateChoice:
    """Choose landmarks where hands are found in the clips, else pixels.

    `hands_file` is what `stats.py --hands --json` wrote.
    """
    if wishes.folder is not None:
        return _of_folder(wishes.folder, kind)
    wish = wishes.input
    if wish is not None:
        return _known(wish, kind, "--input-kind asks for it")
    if not can_track_hands():
        why = f"the networks of hands are missing ({typed('tools/fetch_hands.py')} gets them)"
        return _known("pixels", kind, why)

    # A clip without any hand teaches a model of landmarks nothing.
    hands = json.loads(hands_file.read_text(encoding="utf-8"))["hands"]["classes"]
    total, without = _hand_counts(hands)
    seen = f"a hand is seen in {total - without} of {total} {kind}"
    if total and total - without >= _CLIPS_WITH_HAND * total:
        return _known("landmarks", kind, seen)
    return _known("pixels", kind, f"{seen}, which is too few for landmarks")


def _known(input_kind: Input, kind: Kind, why: str) -> TemplateChoice:
    folder = TOOLKIT / "model_templates" / _TEMPLATES[input_kind, kind]
    backbone = _BACKBONES.get((input_kind, kind))
    return TemplateChoice(input_kind, folder, why, backbone=backbone)


def _of_folder(folder: Path, kind: Kind) -> TemplateChoice:
    """Return the choice of the user's own template. Raises UserError: it is none for this kind."""
    folder = named_template(folder)
    template, model = load_template_dir(folder)
    is_for: Kind = "photos" if template.input.clip_len == 1 else "clips"
    if is_for != kind:
        raise user_error(f"--template {folder}", f"is for {is_for}", f"a template for {kind}")
    input_kind: Input = "landmarks" if isinstance(template.input, LandmarkInput) else "pixels"
    has_weights = network_family(model.type) in ("s3d_efficientnet_lite0", "image_timm")
    return TemplateChoice(input_kind, folder.resolve(), "--template names it", has_weights)


def _hand_counts(classes: Mapping[str, Mapping[str, Any]]) -> tuple[int, int]:
    """Return the number of clips, and of those without a hand."""
    return (
        sum(row["clips"] for row in classes.values()),
        sum(row["without_hand"] for row in classes.values()),
    )


def choose_measure(looked: LookedAt, num_folds: int) -> MeasureChoice:
    """Choose folds for few clips or people, and a test part where there are many.

    A split that the source has is kept.
    """
    if looked.has_split:
        return MeasureChoice("split", 0, "the source has its own split")
    num_people = len(looked.people)
    if looked.num_found >= _FEW_CLIPS and (not num_people or num_people >= _FEW_PEOPLE):
        by = "by person" if num_people else "by file, since the people are not known"
        return MeasureChoice("split", 0, f"{looked.num_found} clips are enough for a split {by}")

    found = f"{looked.num_found} {looked.kind}"
    if looked.folds_regex is None:
        # Folds find people by an expression over paths alone.
        few = f"{found} are few: each is tested once, by a model without it"
        if num_people == 1:
            few += "; all are of one person, so it says little about strangers"
        elif num_people:
            few += "; folds go by file, since only --person-regex tells them who is in a path"
        return MeasureChoice("folds", min(num_folds, looked.num_found), few)
    folds = min(num_folds, num_people)
    few = f"{found} of {num_people} people are few: everybody is tested"
    return MeasureChoice("folds", folds, f"{few} once, by a model that never saw them")
