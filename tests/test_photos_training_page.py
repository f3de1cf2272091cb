"""docs/photos.md, training: templates, formats and flags are those of the code."""

from __future__ import annotations

import re

from action_recognition.dataset_tools.importing.recognise import READERS
from action_recognition.template import load_template
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "photos.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Train on photos") : PAGE.index("## Classify photos")]
TEMPLATES = REPOSITORY / "model_templates" / "image_gesture"


def test_every_template_and_format_of_photos_is_on_the_page() -> None:
    for folder in TEMPLATES.iterdir():
        template = load_template(folder / "template.yaml")
        assert f"`{folder.name}`" in SECTION and f"{template.metrics[0].value:g} %" in SECTION
    for name in READERS:
        assert f"`{name}`" in SECTION or not (name.startswith("photo_") or name == "hagrid")


def test_flags_in_the_text_exist() -> None:
    known = "".join(
        path.read_text() for path in (REPOSITORY / "action_recognition" / "commands").rglob("*.py")
    )
    prose = re.sub(r"^```sh\n.*?^```$", "", SECTION, flags=re.MULTILINE | re.DOTALL)
    for flag in set(re.findall(r"(?<![-\w])(--[a-z][a-z-]+)", prose)):
        assert f'"{flag}"' in known, flag
