"""The parts that a run is made from, read once: template, network, labels, files, clips.

`train`, the preset for few clips, `show.py --as-trained`, folds and the learning curve all begin
with `prepare`, so they agree on what a run is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Literal

from action_recognition.checkpoint import RawCheckpoint
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
from action_recognition.data.labels import labels_of_files
from action_recognition.errors import try_all
from action_recognition.template import (
    ModelConfig,
    Template,
    load_template_dir,
)
from action_recognition.training.checkpoints.resume import find_checkpoint
from action_recognition.training.options import TrainOptions
from action_recognition.training.step.validation_scores import BestBefore
from action_recognition.training.template_flags import (
    flags_as_before,
    with_flags,
    with_negative_label,
)


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
    `best_is` says which epoch `best.pth` holds: the best one on the validation clips, or the last.
    A run of `last` chooses nothing by its validation clips, and needs none.
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
    best_is: Literal["best", "last"] = "best"
    best_before: BestBefore | None = None

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
    train_files, val_files = _find_split_files(options, template.labels)
    found, scan = train_files.found, train_files.scan
    labels, source = labels_of_files(found, options.classes, template.labels, scan)
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


def _find_split_files(
    options: TrainOptions, known_labels: Sequence[str]
) -> tuple[SplitFiles, SplitFiles | None]:
    """Look up and scan the annotation files. Raises UserError: all that are missing, at once."""
    given = [(options.train_ann_files, options.train_data_roots)]
    if options.val_ann_files:
        given.append((options.val_ann_files, options.val_data_roots))
    found = try_all(partial(find_annotation_files, *files_and_roots) for files_and_roots in given)
    train, *val = (
        SplitFiles(pairs, scan_annotation_files((file for file, _ in pairs), known_labels))
        for pairs in found
    )
    return train, val[0] if val else None


def _read_clips(
    train_files: SplitFiles, val_files: SplitFiles | None, labels: Sequence[str]
) -> tuple[ClipTable, ClipTable | None]:
    """Read the clips of both splits. Raises UserError: the problems of both, at once."""
    splits = [files for files in (train_files, val_files) if files is not None]
    train, *val = try_all(partial(read_found_annotations, item.found, labels) for item in splits)
    return train, val[0] if val else None
