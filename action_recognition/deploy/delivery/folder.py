"""The folder that export.py makes and that calibrate.py and compress.py add to.

Files are made in a folder beside and then renamed. The record says what was made from what, with
the sum of every file. The model card is made from the record. signature.json holds the sums of all
of them, for `tools/verify.py`. The same checkpoint gives the same bytes, except for
`MEASURED_FIELDS` and what follows from them.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from action_recognition.deploy.backends import RECORD_FILE
from action_recognition.deploy.delivery.card import (
    CARD_JSON_FILE,
    CARD_MARKDOWN_FILE,
    make_card,
    to_markdown,
)
from action_recognition.deploy.delivery.sole_writer import sole_writer
from action_recognition.errors import user_error
from action_recognition.files import write_json, write_text
from action_recognition.json_files import parse_json
from action_recognition.partials import held_folder

IR_FP16_FILE: Final = "model_fp16.xml"
IR_INT8_FILE: Final = "model_int8.xml"
CLASSES_FILE: Final = "classes.json"
SIGNATURE_FILE: Final = "signature.json"
DELIVERED_FILES: Final = (CLASSES_FILE, CARD_JSON_FILE, RECORD_FILE, SIGNATURE_FILE)
"""Files in JSON that belong to an exported folder."""
MEASURED_FIELDS: Final = ("command", "parity", "latency")
"""Fields of the record, and through it of the card, that differ from run to run."""
_SIGNATURE_FORMAT: Final = 1
_INDENT: Final = 2


@contextlib.contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """Make a folder beside the target's files, on the same disk. Remove it whatever happens.

    What a killed export left there is removed too. A failed one leaves no empty folder.
    Raises UserError: a file is there, or another command writes into the folder.
    """
    if folder.exists() and not folder.is_dir():
        raise user_error(str(folder), "is a file", fix="name a folder with --save-model-to")

    # Inside the target, so that a rename stays on one disk.
    with sole_writer(folder), held_folder(folder / "export") as staging:
        try:
            yield staging
        except OSError as error:
            # That of a full disk names no file.
            error.filename = error.filename or str(folder)
            raise


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of an exported folder, None where it has none.

    Raises UserError: the record cannot be read.
    """
    path = folder / RECORD_FILE
    if not path.is_file():
        return None

    try:
        record = parse_json(path.read_text(encoding="utf-8"))
        if not all(isinstance(item["name"], str) for item in record["outputs"]):
            raise ValueError(path)
    except (ValueError, KeyError, TypeError):
        found = "is not readable as a record of an export"
        raise user_error(str(path), found, fix="export again") from None
    return dict(record)


def put_in_place(
    staging: Path, folder: Path, record: Mapping[str, Any] | None, gone: Collection[str] = ()
) -> list[Path]:
    """Rename the files of `staging` into `folder` one by one, and return their paths there.

    Files named `gone`, of an earlier run, are removed. With a record, the card is made from it,
    and the record gets the sizes and sums of all files. The record and the signature come last.
    If the process stops in between, the sums tell that the files do not belong together.
    """
    if record is not None:
        # The card before the sums, which cover it.
        card = make_card(record)
        write_json(staging / CARD_JSON_FILE, card, indent=_INDENT)
        write_text(staging / CARD_MARKDOWN_FILE, to_markdown(card))

    names = sorted(item.name for item in staging.iterdir())
    if record is not None:
        _write_sums(staging, record, names, gone)
        names += [RECORD_FILE, SIGNATURE_FILE]

    # In this order: the record and the signature replace theirs last.
    for name in names:
        (staging / name).replace(folder / name)
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    return [folder / name for name in names]


def file_facts(path: Path) -> dict[str, Any]:
    """Return name, size in bytes and SHA-256 of a file."""
    data = path.read_bytes()
    return {"name": path.name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _write_sums(
    staging: Path, record: Mapping[str, Any], names: Sequence[str], gone: Collection[str]
) -> None:
    """Write the record with the sums of old and new files, and the signature over all."""
    # Files of earlier commands keep their entries unless they were made again.
    old = {item["name"]: item for item in record.get("outputs", [])}
    entries = old | {name: file_facts(staging / name) for name in names}
    outputs = [entries[name] for name in sorted(entries.keys() - set(gone))]
    write_json(staging / RECORD_FILE, {**record, "outputs": outputs}, indent=_INDENT)

    # A record cannot contain its own sum, so the signature does.
    files = [*outputs, file_facts(staging / RECORD_FILE)]
    signature = {"format": _SIGNATURE_FORMAT, "files": files}
    write_json(staging / SIGNATURE_FILE, signature, indent=_INDENT)
