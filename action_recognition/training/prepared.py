"""What a run is made from, read once: template, network, labels, annotation files, clips.

`train`, the preset for few clips, `show.py --as-trained`, folds and the learning curve all begin
with `prepare`, so they agree on what a run is.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from action_recognition.checkpoint import RawCheckpoint, trained_model
from action_recognition.console import say
from action_recognition.data.annotation_files import (
    AnnotationScan,
    FoundFiles,
    scan_annotation_files,
)
from action_recognition.data.annotations import (
    ClipTable,
    find_annotation_files,
    read_found_annotations,
)
from action_recognition.data.dataset_files import DATASET_FILE, read_negative_label
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.labels import label_swap_map, labels_of_files
from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.models.pretrained import check_timm_name, pixel_statistics
from action_recognition.template import (
    ImageModelConfig,
    ModelConfig,
    Template,
    TimmBackbone,
    TimmImageConfig,
    load_template_dir,
)
from action_recognition.training.checkpoints.resume import find_checkpoint
from action_recognition.training.choose_frames import frame_source
from action_recognition.training.clip_data_module import ClipData
from action_recognition.training.options import TrainOptions
from action_recognition.training.recipe_checks import class_notes

_BASIC_FLAGS = ("batch_size", "base_learning_rate", "epochs")
_SIDED_WORDS = frozenset({"left", "right", "clockwise", "counterclockwise"})


@dataclass(frozen=True)
class SplitFiles:
    """The annotation files of training or of validation: found, and scanned for their checksums."""

    found: FoundFiles
    scan: AnnotationScan

    @property
    def files(self) -> list[Path]:
        """The files where they are, in order."""
        return [file for file, _ in self.found]

    @property
    def digest(self) -> str:
        """One checksum over the contents of all files, 16 hexadecimal digits."""
        sums = " ".join(self.scan.sha256[file] for file in self.files)
        return sha256(sums.encode()).hexdigest()[:16]


@dataclass(frozen=True, kw_only=True)
class PreparedRun:
    """A run before its network is built. `template` and `model` hold the values of the flags.

    `template_epochs` is what the template itself states: schedules are scaled from it. `resume` is
    the checkpoint that the run continues from, if it does.
    `val_files` and `val` are None where the run has no validation clips yet, as with `--folds`.
    """

    work_dir: Path
    options: TrainOptions
    resume: RawCheckpoint | None
    template: Template
    model: ModelConfig
    template_epochs: int
    labels: list[str]
    train_files: SplitFiles
    train: ClipTable
    val_files: SplitFiles | None
    val: ClipTable | None

    @property
    def annotation_sha256(self) -> dict[str, str]:
        """SHA-256 of each annotation file, by its name."""
        splits = [files for files in (self.train_files, self.val_files) if files is not None]
        return {file.name: split.scan.sha256[file] for split in splits for file in split.files}


def prepare(work_dir: Path, options: TrainOptions) -> PreparedRun:
    """Read what a run of these options is made from, and print where its labels come from.

    Where a run is resumed, flags that are not given are those of the run that wrote the checkpoint.
    Raises UserError: everything wrong with template, checkpoint, flags and annotation files.
    """
    # Template and network, with the flags in their places.
    template, model = load_template_dir(work_dir)
    template_epochs = template.hyper_parameters.basic.epochs
    resume, note = find_checkpoint(options.resume_from, options.save_checkpoints_to)
    if note:
        say(note)
    options = options if resume is None else flags_as_before(options, resume)
    template, model = with_flags(template, model, options)

    # Files are looked up and scanned once. What follows gets what was found.
    train_files, val_files = find_split_files(options, template.labels)
    labels, source = labels_of_files(
        train_files.found, options.classes, template.labels, train_files.scan
    )
    say(f"{source} ({len(labels)} classes)")
    template = with_negative_label(template, train_files.files[0], labels)
    train, val = _read_clips(train_files, val_files, labels)
    return PreparedRun(
        work_dir=work_dir,
        options=options,
        resume=resume,
        template=template,
        model=model,
        template_epochs=template_epochs,
        labels=labels,
        train_files=train_files,
        train=train,
        val_files=val_files,
        val=val,
    )


def find_split_files(
    options: TrainOptions, known_labels: Sequence[str]
) -> tuple[SplitFiles, SplitFiles | None]:
    """Look up and scan the annotation files. Raises UserError: all that are missing, at once."""
    given = [(options.train_ann_files, options.train_data_roots)]
    if options.val_ann_files:
        given.append((options.val_ann_files, options.val_data_roots))
    found: list[FoundFiles] = []
    problems: list[Problem] = []
    for ann_files, roots in given:
        try:
            found.append(find_annotation_files(ann_files, roots))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(dict.fromkeys(problems))

    splits = [
        SplitFiles(pairs, scan_annotation_files((file for file, _ in pairs), known_labels))
        for pairs in found
    ]
    return splits[0], splits[1] if len(splits) > 1 else None


def _read_clips(
    train_files: SplitFiles, val_files: SplitFiles | None, labels: Sequence[str]
) -> tuple[ClipTable, ClipTable | None]:
    """Read the clips of both splits. Raises UserError: the problems of both, at once."""
    tables: list[ClipTable | None] = []
    problems: list[Problem] = []
    for files in (train_files, val_files):
        try:
            tables.append(None if files is None else read_found_annotations(files.found, labels))
        except UserError as error:
            problems.extend(error.problems)
    if problems:
        raise UserError(problems)

    train, val = tables
    assert train is not None
    return train, val


def flags_as_before(options: TrainOptions, resume: RawCheckpoint) -> TrainOptions:
    """Fill flags that are not given with the values of the run that is resumed."""
    before = trained_model(resume).template.hyper_parameters.basic
    not_given = [name for name in _BASIC_FLAGS if getattr(options, name) is None]
    return dataclasses.replace(options, **{name: getattr(before, name) for name in not_given})


def with_flags(
    template: Template, model: ModelConfig, options: TrainOptions
) -> tuple[Template, ModelConfig]:
    """Put the flags' values into template and network.

    Raises UserError: a backbone that does not exist, or one for a template that takes clips.
    """
    template = with_basic_flags(template, options)
    if options.crop is not None:
        cropped = template.input.model_copy(update={"crop": options.crop})
        template = template.model_copy(update={"input": cropped})
    if options.backbone is None:
        return template, model

    check_timm_name(options.backbone, "--backbone")
    if not isinstance(model, ImageModelConfig):
        found = f"{template.name} takes clips"
        raise user_error("--backbone", found, "templates of image_gesture", "leave it out")
    mean, scale = pixel_statistics(options.backbone)
    pixels = template.input.model_copy(update={"mean_values": mean, "scale_values": scale})
    backbone = TimmBackbone(name=options.backbone)
    changed = TimmImageConfig(type="image_timm", backbone=backbone, head=model.head)
    return template.model_copy(update={"input": pixels}), changed


def with_basic_flags(template: Template, options: TrainOptions) -> Template:
    """Put batch size, learning rate and epochs into the template, where they are given."""
    basic = template.hyper_parameters.basic
    given = {name: getattr(options, name) for name in _BASIC_FLAGS}
    changed = {
        name: value
        for name, value in given.items()
        if value is not None and value != getattr(basic, name)
    }
    basic = basic.model_copy(update=changed)
    hyper = template.hyper_parameters.model_copy(update={"basic": basic})
    return template.model_copy(update={"hyper_parameters": hyper})


def with_negative_label(template: Template, ann_file: Path, labels: Sequence[str]) -> Template:
    """Put the data set's class of no gesture into the template, and print it.

    `dataset.json` beside the first annotation file `ann_file` states it.
    Raises UserError: it is no label of this run.
    """
    name = read_negative_label(ann_file.parent)
    if name is None or name == template.negative_label:
        return template
    if name not in labels:
        where = str(ann_file.with_name(DATASET_FILE))
        found = f"negative_label {name!r} is no label of this run{nearest(name, labels)}"
        raise user_error(where, found, ", ".join(labels))
    say(f"no gesture: {name!r}")

    # A template that lists labels must list this one, too. Otherwise the run's labels count.
    template_labels = template.labels if name in template.labels else []
    return template.model_copy(update={"negative_label": name, "labels": template_labels})


def clip_data(run: PreparedRun) -> ClipData:
    """Make the loaders of a run, and print notes on its clips and classes.

    Raises UserError: too few clips or classes, or a batch that batch norm cannot use.
    """
    assert run.val is not None
    template, options = run.template, run.options
    check_enough_clips(run)
    swaps = _label_swaps(template, run.labels)
    batch_size = _checked_batch_size(run)
    say(f"data: {len(run.train)} training clips, {len(run.val)} validation clips")
    for note in class_notes(run.train, run.val, run.labels):
        say(note)

    training = template.training
    frames = frame_source(options, template, (run.train, run.val))
    num_workers = training.num_workers if options.num_workers is None else options.num_workers
    return ClipData(
        ClipDataset(run.train, template.input, training.augmentation, swaps, options.seed, frames),
        ClipDataset(run.val, template.input, source=frames),
        batch_size=batch_size,
        clips_per_video=training.clips_per_video,
        sampling=training.sampling,
        num_workers=num_workers,
        seed=options.seed,
    )


def check_enough_clips(run: PreparedRun) -> None:
    """Raise UserError for a run of fewer than two clips or two classes."""
    if len(run.train) < 2:
        found = f"{len(run.train)} training clip"
        raise user_error("--train-ann-files", found, "2 or more")
    if len(run.labels) < 2:
        found = f"all clips are of one class, {run.labels[0]!r}"
        fix = "add what it is not"
        raise user_error("--train-ann-files", found, "2 classes or more", fix)


def _checked_batch_size(run: PreparedRun) -> int:
    """Return the batch size, lowered with a note to the number of clips where that is smaller."""
    batch_size = run.template.hyper_parameters.basic.batch_size
    if batch_size < 2:
        allowed = "2 or more, since batch norm needs more than one clip"
        raise user_error("--batch-size", f"found {batch_size}", allowed)
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
