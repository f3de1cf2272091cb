"""Programs that gestures start: from the list only, without a shell."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from action_recognition.errors import UserError
from action_recognition.live.outputs.reactions import Reactions, read_commands

LABELS = ("wave", "stop")


def listed(folder: Path, content: object) -> Path:
    (folder / "commands.json").write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    return folder / "commands.json"


def test_words_reach_the_program_as_they_stand(tmp_path: Path) -> None:
    target = tmp_path / "made $HOME; touch gone.txt"
    said: list[str] = []
    reactions = Reactions(
        read_commands(listed(tmp_path, {"wave": ["touch", str(target)]}), LABELS), said.append
    )
    assert not reactions.react("stop")
    assert reactions.react("wave")
    end_s = time.monotonic() + 10
    while not target.exists() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert (
        sorted(item.name for item in tmp_path.iterdir()) == ["commands.json", target.name]
        and said == []
    )


def test_a_command_that_still_runs_is_not_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    reactions = Reactions(
        read_commands(listed(tmp_path, {"wave": ["sleep", "0.3"]}), LABELS), said.append
    )
    assert reactions.react("wave") and not reactions.react("wave")
    assert said == ["wave: its command is still running and is not started again"]
    reactions._running["wave"].wait()
    assert reactions.react("wave")
    reactions._running["wave"].wait()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "is not valid JSON"),
        ("[]", "holds no commands"),
        ({}, "holds no commands"),
        ({"wavy": ["true"]}, r"wavy: is not a label of the model, did you mean 'wave'"),
        (
            {"wave": "rm -rf /", "stop": []},
            r"(?s)wave: found 'rm -rf /'.*no shell reads it.*stop: found \[\]",
        ),
        ({"wave": ["true", 3]}, r"found \['true', 3\]"),
        ({"wave": ["no-such-program-here"]}, "there is no program 'no-such-program-here'"),
    ],
)
def test_what_is_wrong_with_a_list_is_named(tmp_path: Path, content: object, expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        read_commands(listed(tmp_path, content), LABELS)


def test_a_missing_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_commands(tmp_path / "gone.json", LABELS)
