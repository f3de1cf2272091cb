"""An exported model over hand landmarks that learns gestures from examples.

A taught gesture is one more column of the directions at the end of the network. So every program
that runs the model knows the gesture, and none needs anything new.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from action_recognition.data.frame_cache.entry import media_hash
from action_recognition.data.video import container_frame_rate, count_frames
from action_recognition.deploy.backends.model_files import IR_FILE
from action_recognition.deploy.backends.openvino_files import OpenVinoSettings, open_ir
from action_recognition.deploy.backends.protocol import Clips
from action_recognition.deploy.landmark_clips import LandmarkClips
from action_recognition.deploy.metadata import DeployMetadata
from action_recognition.errors import Problem, UserError, nearest, user_error
from action_recognition.openvino_core import openvino_core
from action_recognition.teaching.directions import Directions, embedding_network, ir_directions
from action_recognition.teaching.prototypes import ThresholdFit, fit_threshold, prototype, unit
from action_recognition.teaching.taught_file import (
    NO_GESTURE,
    TAUGHT_FILE,
    Example,
    Taught,
    embeddings_of,
    read_taught,
)

_LONGEST_NAME: Final = 100  # characters


class TeachableModel:
    """The IR of a folder that export.py wrote, with the gestures that it was taught so far.

    Nothing is written: `teaching.write_folder` does that.
    Raises UserError: no such model, one of frames, or examples of another model.
    """

    def __init__(self, folder: Path, num_threads: int | None = None) -> None:
        self.path = folder / IR_FILE
        self.folder = folder
        if not self.path.is_file():
            found, fix = "there is no exported model", "name the folder that export.py wrote"
            raise user_error(str(self.path), found, fix=fix)

        settings = OpenVinoSettings(num_threads)
        opened = open_ir(self.path, settings)
        self.metadata: DeployMetadata = opened.metadata
        if self.metadata.landmarks is None:
            found = "takes frames; only models over hand landmarks can be taught by showing"
            fix = "train and export one: model_templates/hand_landmarks, docs/landmarks.md"
            raise user_error(str(self.path), found, fix=fix)

        where = str(self.path)
        self._network, self._settings = opened.network, settings
        self.clips = LandmarkClips(self.metadata, folder, num_threads)
        directions = ir_directions(opened.network, where)
        self.taught = self._read_taught(len(directions))
        self._num_trained = directions.shape[1] - len(self.taught.gestures)
        self._trained: Directions = directions[:, : self._num_trained]

    @functools.cached_property
    def _embedding(self) -> Any:
        """The network up to the embedding, compiled when the first example comes."""
        network = embedding_network(self._network, str(self.path))
        return openvino_core().compile_model(network, "CPU", self._settings.properties())

    @property
    def _trained_negative(self) -> str | None:
        """The label that means no gesture, of the network's training."""
        label = self.metadata.negative_label
        return label if label in self.trained_labels else None

    @property
    def trained_labels(self) -> tuple[str, ...]:
        """The labels that the network was trained on."""
        return self.metadata.labels[: self._num_trained]

    def _read_taught(self, embedding_size: int) -> Taught:
        """Return what the folder was taught. Raises UserError: it was another model that was."""
        path = self.folder / TAUGHT_FILE
        taught = read_taught(path, embedding_size) or Taught(self.metadata.weights_sha256)
        is_same = taught.weights_sha256 == self.metadata.weights_sha256
        if not is_same or taught.counts() != dict(self.metadata.taught):
            found = f"has the examples of another model than {IR_FILE} beside it"
            fix = f"delete {TAUGHT_FILE} and teach the gestures again"
            raise user_error(str(path), found, fix=fix)
        return taught

    def embed(self, clips: Clips) -> NDArray[np.float32]:
        """Return the embeddings (N, E) of landmark clips (N, 4, T, 2, 21) float32."""
        rows = [self._embedding({0: clip[None]})[0][0] for clip in clips]
        size = len(self._trained)
        return np.stack(rows).astype(np.float32) if rows else np.zeros((0, size), np.float32)

    def examples(self, files: Sequence[Path]) -> list[Example]:
        """Return the examples that video files or photos are, each whole.

        Raises UserError: names every file that cannot be read or shows no hand.
        """
        found: list[Example] = []
        problems: list[Problem] = []
        for file in files:
            try:
                found.append(self._example(file))
            except UserError as error:
                problems += error.problems
        if problems:
            raise UserError(problems)
        return found

    def _example(self, file: Path) -> Example:
        num_frames = count_frames(file)
        rate = container_frame_rate(file) or self.clips.tracking_rate_fps
        clip = self.clips.of_video(file, 0, num_frames, rate)
        if not clip[-1].any():
            fix = "look at it: tools/data/landmarks.py --draw; then film the hand nearer"
            raise user_error(str(file), "no hand is seen in it, so it teaches nothing", fix=fix)
        sha256 = hashlib.sha256(media_hash(file).encode()).hexdigest()
        return Example(file.name, sha256, self.embed(clip[None])[0])

    def check_name(self, name: str, where: str) -> str:
        """Return a name without blanks at its ends. Raises UserError: the model cannot have it."""
        name = name.strip()
        if not name or len(name) > _LONGEST_NAME or not name.isprintable():
            allowed = f"1 to {_LONGEST_NAME} characters that can be printed"
            raise user_error(where, f"found {name[:40]!r} as a name", allowed)
        if name in self.trained_labels:
            found = f"{name!r} is a gesture that the network was trained on"
            raise user_error(where, found, fix="take another name, or train with more clips")
        if name == NO_GESTURE and self._trained_negative is not None:
            found = f"the network was trained to know no gesture: {self._trained_negative!r}"
            raise user_error(where, found, fix="leave it out, or train with more clips")
        return name

    def check_taught(self, name: str, where: str) -> None:
        """Raise UserError: no gesture of that name was taught."""
        if name not in self.taught.gestures:
            names = list(self.taught.gestures)
            found = f"{name!r} was not taught{nearest(name, names)}"
            raise user_error(where, found, ", ".join(names) or "none was taught yet")

    def with_taught(self, taught: Taught) -> tuple[DeployMetadata, Directions, list[ThresholdFit]]:
        """Return metadata, directions (E, C) and threshold of each gesture, for what is taught."""
        size = len(self._trained)
        examples = [embeddings_of(found, size) for found in taught.gestures.values()]
        columns = [prototype(rows)[:, None] for rows in examples]
        directions = np.concatenate([self._trained, *columns], axis=1)

        fits = [self._threshold(place, directions, examples) for place in range(len(columns))]
        names = tuple(taught.gestures)
        negative = NO_GESTURE if NO_GESTURE in names else self._trained_negative
        thresholds = {
            label: value
            for label, value in self.metadata.thresholds.items()
            if label in self.trained_labels
        }
        learned = {name: fit.threshold for name, fit in zip(names, fits, strict=True)}
        thresholds |= {name: value for name, value in learned.items() if name != negative}
        metadata = replace(
            self.metadata,
            labels=(*self.trained_labels, *names),
            thresholds=thresholds,
            negative_label=negative,
            taught=taught.counts(),
        )
        return metadata, directions, fits

    def _threshold(
        self,
        place: int,
        directions: Directions,
        examples: list[NDArray[np.float32]],
    ) -> ThresholdFit:
        """Fit the threshold of the gesture number `place`. All other examples are against it."""
        others = [rows for number, rows in enumerate(examples) if number != place]
        # The directions of trained gestures stand for their clips, which are not here.
        against = [*others, unit(self._trained.T)]
        scale = self.metadata.score_scale / self.metadata.temperature
        column = self._num_trained + place
        return fit_threshold(column, directions, examples[place], np.concatenate(against), scale)
