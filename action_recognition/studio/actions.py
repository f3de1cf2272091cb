"""What gestures do in the studio: kept with the project, off whenever the studio starts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from action_recognition.errors import UserError, user_error
from action_recognition.files import write_json
from action_recognition.json_files import read_json
from action_recognition.live.outputs.actions import KINDS, Action, Actions, checked_action
from action_recognition.studio.project import STATE_FOLDER, Project

ACTIONS_FILE: Final = "actions.json"
_LINES: Final = 5  # that the page shows
_LONGEST_LINE: Final = 300


class GestureActions:
    """The action of each gesture. `commands` are those that are allowed, by their names."""

    def __init__(
        self, project: Project, commands: Mapping[str, Sequence[str]], changed: Callable[[], None]
    ) -> None:
        self._project, self._changed = project, changed
        self._file = project.root / STATE_FOLDER / ACTIONS_FILE
        self._actions = Actions(commands, self._say)
        self._lock, self._says = threading.Lock(), threading.Lock()
        self.lines: list[str] = []
        self.num_lines = 0  # ever said, by which the page knows those that are new
        # Those that are not allowed in this run are kept for another one.
        self._refused: dict[str, dict[str, Any]] = {}
        self.by_gesture = self._read()
        self.is_on = False

    def set(self, gesture: str, kind: str, value: str) -> dict[str, Any] | None:
        """Give a gesture an action, or none where `kind` is empty, and return it as it is kept.

        Raises UserError: there is no such gesture, or the action cannot be, or is not allowed.
        """
        self._project.check_gesture(gesture)
        found = checked_action(kind, value, self._actions.commands) if kind else None
        self._change({gesture: found})
        return None if found is None else asdict(found)

    def switch(self, on: str) -> None:
        """Carry actions out from now on, or no longer. Raises UserError: neither yes nor no."""
        if on not in ("yes", "no"):
            raise user_error("actions", f"found {on[:20]!r}", "yes, no")
        self.is_on = on == "yes"

    def renamed(self, old: str, new: str) -> None:
        """Keep the action of a gesture that has another name, in place of any of that name."""
        if old != new:
            self._change({new: self.by_gesture.get(old), old: None})

    def forget(self, gesture: str) -> None:
        """Drop what is left of an older gesture of the same name."""
        if gesture in self.by_gesture or gesture in self._refused:
            self._change({gesture: None})

    def react(self, gesture: str) -> None:
        """Carry out the action of a gesture, where actions are on."""
        action = self.by_gesture.get(gesture)
        if self.is_on and action is not None:
            line = f"{gesture}: {action.kind} {action.value}"
            self._actions.carry_out(action, lambda: self._say(line))

    def close(self) -> None:
        """End the thread."""
        self._actions.close()

    def plain(self) -> dict[str, Any]:
        """Return what the page shows."""
        return {
            "on": self.is_on,
            "kinds": list(KINDS),
            "commands": list(self._actions.commands),
            "by_gesture": {name: asdict(action) for name, action in self.by_gesture.items()},
            **self._plain_lines(),
        }

    def _plain_lines(self) -> dict[str, Any]:
        """Return the last lines, and the number of the first of them."""
        with self._says:
            return {"lines": self.lines, "first_line": self.num_lines - len(self.lines)}

    def _say(self, line: str) -> None:
        self._note(line)
        self._changed()

    def _note(self, line: str) -> None:
        """Keep a line. Actions of several kinds may have one at the same time."""
        with self._says:
            self.lines = [*self.lines, line[:_LONGEST_LINE]][-_LINES:]
            self.num_lines += 1

    def _read(self) -> dict[str, Action]:
        """Read the actions that are allowed. What the file holds may be from another computer."""
        if not self._file.exists():
            return {}
        try:
            found = read_json(self._file, is_by_hand=True)
            items = [(str(name), dict(action)) for name, action in found.items()]
        except (UserError, ValueError, TypeError, AttributeError):
            # It is not written over: somebody may want to mend it.
            aside = self._file.with_suffix(".json.bad")
            self._file.replace(aside)
            self._note(f"{self._file.name} cannot be read, so gestures have no actions: {aside}")
            return {}
        # One that is not allowed here is left out, and the others work.
        actions = {}
        for name, action in items:
            try:
                kind, value = str(action.get("kind", "")), str(action.get("value", ""))
                actions[name] = checked_action(kind, value, self._actions.commands)
            except UserError as error:
                self._refused[name] = action
                self._note(f"{name}: {error}")
        return actions

    def _change(self, changes: Mapping[str, Action | None]) -> None:
        """Write the actions with these changes, then take them. None takes an action away."""
        with self._lock:
            actions = {**self.by_gesture, **changes}
            kept = {name: action for name, action in actions.items() if action is not None}
            refused = {name: item for name, item in self._refused.items() if name not in changes}
            plain = {name: asdict(action) for name, action in kept.items()}
            self._project.state_folder.mkdir(exist_ok=True)
            write_json(self._file, {**refused, **plain})
            # Others read these while they change: each is replaced as a whole.
            self.by_gesture, self._refused = kept, refused
