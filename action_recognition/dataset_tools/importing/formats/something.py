"""Read Something-Something V2: videos named by number, and JSON lists of their templates.

Source: the release of 20BN, now Qualcomm's: labels.json (template without brackets -> number),
train.json, validation.json ({"id", "label", "template", "placeholders"}), test.json (ids alone),
test-answers.csv (id;label); earlier named something-something-v2-train.json and so on.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from action_recognition.data.tables import read_table, read_text
from action_recognition.dataset_tools.importing.found import Found, FoundClip
from action_recognition.dataset_tools.importing.json_items import EntryReader
from action_recognition.dataset_tools.importing.side_files import side_files
from action_recognition.dataset_tools.importing.source import SourceOptions, named_split
from action_recognition.errors import UserError
from action_recognition.json_files import parse_json

_EXAMPLE = '{"id": "74225", "template": "Holding [something]"}'


class Entry(BaseModel):
    """An entry of train.json or validation.json. Those of test.json have an id alone."""

    model_config = ConfigDict(extra="allow")
    id: str | int
    template: str = ""


def is_something(value: object) -> bool:
    """Return True for an item of a JSON list that looks like one of the set."""
    return isinstance(value, dict) and {"id", "template"} <= value.keys()


def read_something(source: Path, options: SourceOptions) -> Found:
    """Read the clips, with the split that the file names tell, in the order of labels.json.

    The test part counts where test-answers.csv tells its classes.
    """
    reader = EntryReader(source, options, ("{id}",), is_something, _EXAMPLE)
    classes = _classes(reader.folder)
    known = {_folded(name): name for name in classes}
    for file, item in reader.items():
        entry = reader.validated(Entry, item.where, item.value)
        if entry is None:
            continue
        label = entry.template.replace("[", "").replace("]", "").strip()
        label = known.get(_folded(label), label)
        clip = FoundClip(path="", label=label, where=item.where, split=named_split(file))
        reader.add(clip, id=str(entry.id))

    _add_answers(reader, known)
    if not classes:
        return reader.result(sorted({clip.label for clip in reader.found.clips}))
    return reader.result(classes)


def _folded(name: str) -> str:
    """Return a name as it is compared: labels.json and the templates differ in capitals."""
    return " ".join(name.split()).casefold()


def _classes(folder: Path) -> list[str]:
    """Return the names of labels.json by their numbers. They are in texts there."""
    for file in side_files(folder, ".json"):
        if not file.stem.lower().endswith("labels"):
            continue
        try:
            document = parse_json(read_text(file)[0])
        except (ValueError, RecursionError, UserError):
            continue
        if isinstance(document, dict) and all(str(text).isdecimal() for text in document.values()):
            return sorted(document, key=lambda name: int(document[name]))
    return []


def _add_answers(reader: EntryReader, known: dict[str, str]) -> None:
    """Add the test part, whose classes are in a table of their own."""
    for file in side_files(reader.folder, ".csv"):
        if not file.stem.lower().endswith("test-answers"):
            continue
        for where, cells in read_table(file).rows:
            if len(cells) >= 2 and cells[0].strip().isdecimal():
                label = known.get(_folded(cells[1]), cells[1].strip())
                clip = FoundClip(path="", label=label, where=where, split="test")
                reader.add(clip, id=cells[0].strip())
