"""The folder that export.py makes and that calibrate.py and compress.py add to: files are made beside and renamed.

Its record says what was made from what, with the sum of every file; the model card is made from the record, and signature.json holds the
sums of all of them, for `tools/verify.py`. The same checkpoint gives the same bytes but for `MEASURED_FIELDS` and what follows from them.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from action_recognition.deploy.backends import RECORD_FILE
from action_recognition.deploy.delivery.card import (
    CARD_JSON_FILE,
    CARD_MARKDOWN_FILE,
    make_card,
    to_markdown,
)
from action_recognition.errors import user_error

IR_FP16_FILE: Final = "model_fp16.xml"
IR_INT8_FILE: Final = "model_int8.xml"
CLASSES_FILE: Final = "classes.json"
SIGNATURE_FILE: Final = "signature.json"
MEASURED_FIELDS: Final = (
    "command",
    "parity",
    "latency",
)  # of the record and, through it, of the card: they differ from run to run
_SIGNATURE_FORMAT: Final = 1


@contextlib.contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the target's files, on the same disk, removed whatever happens."""
    if folder.exists() and not folder.is_dir():
        raise user_error(str(folder), "is a file", fix="name a folder with --save-model-to")
    folder.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=".export-", dir=folder))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of an exported folder; None where it has none. Errors: it cannot be read."""
    path = folder / RECORD_FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if not all(isinstance(item["name"], str) for item in record["outputs"]):
            raise ValueError(path)
    except (ValueError, KeyError, TypeError):
        raise user_error(
            str(path), "is not readable as a record of an export", fix="export again"
        ) from None
    return dict(record)


def put_in_place(
    staging: Path, folder: Path, record: Mapping[str, Any] | None, gone: Collection[str] = ()
) -> list[Path]:
    """Rename the files of `staging` into `folder` one by one, and what was written; files named `gone`, of an earlier run, are removed.

    With a record, the card is made of it, the record gets the sizes and sums of all files, and it and the signature come last: should this
    be cut off, the sums tell that the files do not belong together.
    """
    if record is not None:
        _write_json(staging / CARD_JSON_FILE, make_card(record))
        (staging / CARD_MARKDOWN_FILE).write_text(to_markdown(make_card(record)), encoding="utf-8")
    names = sorted(item.name for item in staging.iterdir())
    if record is not None:
        entries = {item["name"]: item for item in record.get("outputs", [])} | {
            name: file_facts(staging / name) for name in names
        }
        outputs = [entries[name] for name in sorted(entries.keys() - set(gone))]
        _write_json(staging / RECORD_FILE, {**record, "outputs": outputs})
        _write_json(
            staging / SIGNATURE_FILE,
            {"format": _SIGNATURE_FORMAT, "files": [*outputs, file_facts(staging / RECORD_FILE)]},
        )
        names += [RECORD_FILE, SIGNATURE_FILE]
    for name in names:
        (staging / name).replace(folder / name)
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    return [folder / name for name in names]


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def file_facts(path: Path) -> dict[str, Any]:
    """Name, size in bytes and sha256."""
    data = path.read_bytes()
    return {"name": path.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
