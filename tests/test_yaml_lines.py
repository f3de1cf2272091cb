"""The quick reader of YAML gives what PyYAML's own gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from action_recognition.errors import UserError
from action_recognition.yaml_lines import load_yaml_with_lines
from tests.conftest import REPOSITORY

TEMPLATES = sorted((REPOSITORY / "model_templates").rglob("*.yaml"))


def _told(path: Path) -> object:
    """Return values and lines, or the message of a refusal."""
    try:
        return load_yaml_with_lines(path)
    except UserError as error:
        return str(error)


@pytest.mark.parametrize(
    "text",
    [
        *(path.read_text(encoding="utf-8") for path in TEMPLATES),
        "",
        "a: [1, 2.5, yes, null, 2020-01-01, 'é']\nb: &x {c: 1}\nd: *x\n",
        "a: 1\na: 2\n",
        "a: b: c\n",
        "a: [1\n",
        "a: !!int b\n",
        "a: !other b\n",
        "a: 2020-13-01\n",
        "a: \x00\n",
        "\ta: 1\n",
        "--- 1\n--- 2\n",
        "- " * 500 + "a\n",
        "a:\u2028" + "- " * 500 + "a\n",
        "".join(" " * number + "a:\n" for number in range(300)),
        "a: |\n" + " " * 300 + "text\n",
    ],
)
def test_both_readers_agree(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values, lines and messages are the same with and without libyaml."""
    path = tmp_path / "a.yaml"
    path.write_text(text, encoding="utf-8")
    quick = _told(path)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert quick == _told(path)
