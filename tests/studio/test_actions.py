"""Actions of a project: off at first, kept with it, and carried out when a gesture is seen."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from action_recognition.errors import UserError
from action_recognition.live.outputs.actions import Action
from action_recognition.studio.actions import GestureActions
from action_recognition.studio.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "hands")
    for name in ("wave", "push"):
        project.add_gesture(name)
    return project


def opened(project: Project, done: list[Action] | None = None) -> GestureActions:
    """Actions that are noted instead of being carried out."""
    found = GestureActions(project, {"lamp": ["true"]}, lambda: None)
    heard: list[Action] = [] if done is None else done

    def carry_out(action: Action, done: Callable[[], None] = lambda: None) -> bool:
        heard.append(action)
        done()
        return True

    found._actions.carry_out = carry_out  # type: ignore[method-assign]
    return found


def test_they_are_off_until_somebody_switches_them_on(project: Project) -> None:
    done: list[Action] = []
    actions = opened(project, done)
    actions.set("wave", "key", "space")
    actions.react("wave")
    assert not done
    actions.switch("yes")
    for gesture in ("wave", "push", "no gesture"):
        actions.react(gesture)
    assert done == [Action("key", "space")] and actions.lines == ["wave: key space"]
    # The page knows lines by their numbers, which go on where old ones are forgotten.
    for _ in range(7):
        actions.react("wave")
    shown = actions.plain()
    assert len(shown["lines"]) == 5 and shown["first_line"] == 3
    done.clear()
    actions.switch("no")
    actions.react("wave")
    assert not done
    with pytest.raises(UserError, match="yes, no"):
        actions.switch("maybe")


def test_they_are_kept_with_the_project_and_checked_again(project: Project) -> None:
    actions = opened(project)
    assert actions.set("wave", "command", " lamp ") == {"kind": "command", "value": "lamp"}
    actions.set("push", "key", "a")
    assert actions.set("push", "", "") is None
    actions.renamed("wave", "hello")
    again = opened(project)
    assert again.by_gesture == {"hello": Action("command", "lamp")} and not again.is_on

    # With another list of commands it is not carried out, and it is not lost.
    file = project.state_folder / "actions.json"
    without = GestureActions(project, {}, lambda: None)
    assert not without.by_gesture and "not in the list" in without.lines[0]
    without.set("push", "key", "b")
    assert opened(project).by_gesture == {
        "hello": Action("command", "lamp"),
        "push": Action("key", "b"),
    }

    # A file that was written by something else, or sent to do harm.
    for text in ("[]", "{", '{"wave": 1}', "[" * 100_000, '{"a": {}, "a": {}}'):
        file.write_text(text)
        found = opened(project)
        assert not found.by_gesture and "cannot be read" in found.lines[0]
        assert file.with_suffix(".json.bad").read_text() == text and not file.exists()
    file.write_text(json.dumps({"w" * 5000: {"kind": "shell", "value": "rm"}}))
    found = opened(project)
    assert not found.by_gesture and len(found.lines[0]) <= 300


def test_an_action_is_never_that_of_an_older_gesture_of_the_name(project: Project) -> None:
    actions = opened(project)
    actions.set("push", "key", "a")
    # In place of the one that had the name before, which had an action, or had none.
    actions.renamed("wave", "push")
    assert actions.by_gesture == {}
    actions.set("push", "key", "a")
    actions.forget("push")
    assert opened(project).by_gesture == {}


def test_a_line_says_what_was_done_not_what_was_begun(project: Project) -> None:
    actions = GestureActions(project, {"nap": ["sleep", "5"]}, lambda: None)
    actions.set("wave", "url", "http://8.8.8.8/")
    actions.switch("yes")
    actions.react("wave")
    actions.close()
    for _ in range(100):
        if actions.lines:
            break
        time.sleep(0.05)
    (line,) = actions.lines
    assert "not on the local network" in line


def test_what_cannot_be_an_action_changes_nothing(project: Project) -> None:
    actions = opened(project)
    with pytest.raises(UserError, match="there is no 'nod'"):
        actions.set("nod", "key", "a")
    with pytest.raises(UserError, match="list of commands"):
        actions.set("wave", "command", "rm")
    assert not actions.by_gesture and not (project.state_folder / "actions.json").exists()
