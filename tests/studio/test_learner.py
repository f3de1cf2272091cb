"""Learning in the background: it gives way, and tells of a large project less often."""

from __future__ import annotations

import time
from pathlib import Path
from typing import cast

import numpy as np

from action_recognition.studio.clip_facts import ClipFacts, ClipReader
from action_recognition.studio.learner import Learner
from action_recognition.studio.project import NO_GESTURE, Project
from action_recognition.template import Template


class Reader:
    """Finds no hand in any clip."""

    def __init__(self) -> None:
        self.looked: list[str] = []

    def facts(self, path: Path) -> ClipFacts:
        self.looked.append(path.name)
        return ClipFacts(np.zeros((4, 2, 21, 4), np.float32), (), 1.0, path)


def learner_of(folder: Path, num_clips: int, told: list[int]) -> tuple[Learner, Reader]:
    """A learner of clips in `no gesture`. It puts the number of clips that it knows into `told`."""
    project, reader = Project(folder), Reader()
    for number in range(num_clips):
        (folder / NO_GESTURE / f"{number:04d}.mp4").touch()
    made = Learner(
        project,
        cast(ClipReader, reader),
        cast(Template, None),
        lambda: told.append(len(made.facts)),
    )
    return made, reader


def test_it_gives_way_to_a_page_that_opens(tmp_path: Path) -> None:
    learner, reader = learner_of(tmp_path, 3, [])
    learner.give_way(60.0)
    learner.start()
    time.sleep(0.1)
    assert learner.is_busy and not reader.looked
    # It ends at once, and not after a minute.
    learner.close()
    assert not learner._thread.is_alive() and not reader.looked


def test_each_new_version_is_told_and_few_are_made_of_many_clips(tmp_path: Path) -> None:
    told: list[int] = []
    learner, reader = learner_of(tmp_path, 1500, told)
    learner.start()
    for _ in range(400):
        if learner.version and not learner.is_busy:
            break
        time.sleep(0.05)
    learner.close()
    assert len(reader.looked) == 1500 and told[-1] == 1500
    # The first clip, the end, and hardly any between.
    assert 2 <= learner.version < 20
