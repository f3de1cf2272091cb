"""The clips of a prepared run as loaders, with notes on what they cannot teach."""

from __future__ import annotations

import re

from action_recognition.console import say
from action_recognition.data.clip_table import ClipTable
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.labels import label_swap_map
from action_recognition.data.landmarks.datasets import LandmarkDataset
from action_recognition.data.landmarks.stream_dataset import AnyClipDataset, LandmarkStreamDataset
from action_recognition.data.landmarks.tracking import tracked_store
from action_recognition.errors import user_error
from action_recognition.template import (
    CausalHandLandmarksConfig,
    LandmarkAugmentation,
    LandmarkInput,
    Template,
)
from action_recognition.training.choose_frames import frame_source
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.prepared import PreparedRun
from action_recognition.training.recipe_checks import class_notes

_MAX_LOOKED_AT = 5_000  # clips
_SIDED_WORDS = frozenset({"left", "right", "clockwise", "counterclockwise"})


def clip_data(run: PreparedRun) -> ClipData:
    """Make the loaders of a run, and print notes on its clips and classes.

    Raises UserError: no validation clips, too few clips or classes, or a batch that batch norm
    cannot use.
    """
    if run.val is None and run.best_is == "best":
        raise user_error("--val-ann-files", "none given", fix="name at least one")
    template, options = run.template, run.options
    check_clips_and_batch(run)
    swaps = _label_swaps(template, run.labels)
    batch_size = _batch_size(run)
    num_val = f"{len(run.val)} validation clips" if run.val is not None else "none is held out"
    say(f"data: {len(run.train)} training clips, {num_val}")
    for note in class_notes(run.train, run.val or (), run.labels):
        say(note)

    training = template.training
    train, val = _data_sets(run, run.val, swaps)
    num_workers = training.num_workers if options.num_workers is None else options.num_workers
    return ClipData(
        train,
        val,
        batch_size=batch_size,
        clips_per_video=training.clips_per_video,
        sampling=training.sampling,
        num_workers=num_workers,
        seed=options.seed,
        passes=_passes(run, batch_size),
    )


def _passes(run: PreparedRun, batch_size: int) -> int:
    """Return how often an epoch goes over the clips. Print it where that is more than once."""
    training, epochs = run.template.training, run.template.hyper_parameters.basic.epochs
    steps = epochs * max(1, len(run.train) // batch_size)
    passes = max(1, -(-training.min_steps // steps))
    if passes > 1:
        say(
            f"each epoch goes {passes} times over the clips: {epochs} epochs would be {steps} "
            f"steps, and training.min_steps asks for {training.min_steps}"
        )
    return passes


def _data_sets(
    run: PreparedRun, val: ClipTable | None, swaps: dict[int, int]
) -> tuple[AnyClipDataset, AnyClipDataset | None]:
    """Return training clips, which change by the recipe, and validation clips, which do not."""
    validation = val if val is not None else ()
    template, options, augmentation = run.template, run.options, run.template.training.augmentation
    if isinstance(template.input, LandmarkInput):
        assert isinstance(augmentation, LandmarkAugmentation)
        landmarks = template.input
        store = tracked_store(landmarks.tracking_rate_fps, [*run.train, *validation])
        train: LandmarkDataset | LandmarkStreamDataset
        if isinstance(run.model, CausalHandLandmarksConfig):
            negative = _negative(run)
            train = LandmarkStreamDataset(
                run.train, landmarks, store, augmentation, negative, swaps, options.seed
            )
        else:
            train = LandmarkDataset(run.train, landmarks, store, augmentation, swaps, options.seed)
        _say_hands(train)
        return train, None if val is None else LandmarkDataset(val, landmarks, store)
    frames = frame_source(options, template, (run.train, validation))
    return (
        ClipDataset(run.train, template.frames, augmentation, swaps, options.seed, frames),
        None if val is None else ClipDataset(val, template.frames, source=frames),
    )


def _negative(run: PreparedRun) -> int:
    """Return the class without a gesture. Raises UserError: there is none."""
    name = run.template.negative_label
    if name is None:
        found = "no class means that there is no gesture, and between gestures there is none"
        fix = (
            "name one as the last of classes.json, and as negative_label in dataset.json beside "
            "it; it needs no clips"
        )
        raise user_error("negative_label", found, fix=fix)
    return run.labels.index(name)


def _say_hands(train: LandmarkDataset | LandmarkStreamDataset) -> None:
    """Print how many training clips show no hand. Raises UserError: hardly one shows any.

    Of a large set nothing is printed: it would take minutes to read.
    """
    total = len(train)
    if total > _MAX_LOOKED_AT:
        return
    without = train.num_without_hand()
    if total - without < 2:
        found = f"no hand is seen in {without} of {total} clips, so there is nothing to learn from"
        fix = "look at them: tools/data/landmarks.py --draw; or take a template over frames"
        raise user_error("--train-ann-files", found, fix=fix)
    if without:
        say(f"note: no hand is seen in {without} of {total} training clips, which teach nothing")


def check_clips_and_batch(run: PreparedRun) -> None:
    """Raise UserError for a run of fewer than two clips or classes, or with batches of one clip."""
    if len(run.train) < 2:
        found = f"{len(run.train)} training clip"
        raise user_error("--train-ann-files", found, "2 or more")
    if len(run.labels) < 2:
        found = f"all clips are of one class, {run.labels[0]!r}"
        fix = "add what it is not"
        raise user_error("--train-ann-files", found, "2 classes or more", fix)
    batch_size = run.template.hyper_parameters.basic.batch_size
    if batch_size < 2:
        allowed = "2 or more, since batch norm needs more than one clip"
        raise user_error("--batch-size", f"found {batch_size}", allowed)


def _batch_size(run: PreparedRun) -> int:
    """Return the batch size, lowered with a note to the number of clips where that is smaller."""
    batch_size = run.template.hyper_parameters.basic.batch_size
    if batch_size <= len(run.train):
        return batch_size
    num_clips = len(run.train)
    say(f"note: batch size {batch_size} lowered to {num_clips}, the number of training clips")
    return num_clips


def _label_swaps(template: Template, labels: list[str]) -> dict[int, int]:
    """Return the label of each mirrored class, and print a note on one that looks forgotten."""
    flip = template.training.augmentation.flip
    swaps = label_swap_map(flip.label_swaps, labels)
    sided = [name for name in labels if _SIDED_WORDS & set(re.split(r"[^a-z]+", name.lower()))]
    unpaired = [name for name in sided if labels.index(name) not in swaps]
    if unpaired and flip.probability:
        say(
            f"note: training clips are mirrored and {unpaired[0]!r} keeps its label; if its mirror "
            "image is another class, name both in training.augmentation.flip.label_swaps of "
            "template.yaml, or set flip.probability to 0"
        )
    return swaps
