"""The options of a demo run, and the checks that need nothing but the options."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from action_recognition.deploy.backends import Hint
from action_recognition.errors import user_error
from action_recognition.files import is_device, is_same_file
from action_recognition.live.outputs.events import STDOUT
from action_recognition.live.regions import Box

_LAST_PORT: Final = 65535
# An earlier run may have written them into the folder of the model.
_SUFFIXES_OF_RESULTS: Final = (".mp4", ".mkv", ".mov", ".csv", ".jsonl")


@dataclass(frozen=True)
class DemoOptions:
    """Options of one run of `demo.py`.

    A source is a path, a camera number or an address. `events` is a path, or `-` for standard
    output. `hint` None chooses by the number of sources.
    """

    model: Path
    source: str
    # Results.
    output: Path | None = None
    csv: Path | None = None
    show: bool = True
    # None leaves the choice to the network.
    stride: int | None = None
    num_threads: int | None = None
    more_sources: tuple[str, ...] = ()
    # Events and the rules for them.
    events: str | None = None
    decision: Path | None = None
    # The file of calibrate.py --personal, which has rules too.
    personal: Path | None = None
    # The part of the picture that the network sees.
    mirror: bool = False
    box: Box | None = None
    detector: Path | None = None
    max_persons: int = 4
    pick: bool = False
    realtime: bool = False
    serve: int | None = None
    hand_events: bool = False
    keep_events: Path | None = None
    commands: Path | None = None
    give_up_s: float = float("inf")
    hint: Hint | None = None

    @property
    def best_hint(self) -> Hint:
        """`hint` if it is given, otherwise throughput for several sources and latency for one."""
        return self.hint or ("throughput" if self.more_sources else "latency")

    @property
    def sources(self) -> tuple[str, ...]:
        """All sources in the order of the command line."""
        return (self.source, *self.more_sources)


def check_options(options: DemoOptions) -> None:
    """Raise a UserError for options that contradict each other or would overwrite a file in use."""
    _check_places(options)
    if options.output and options.more_sources:
        raise user_error(
            "--output", f"there are {len(options.sources)} inputs", "one input for a recorded video"
        )
    if options.decision and options.personal:
        fix = "give the rules to calibrate.py --personal --decision FILE"
        raise user_error(
            "--decision, --personal", "both hold the rules of the decision", "one of them", fix
        )
    if options.box and options.detector:
        raise user_error("--box, --detector", "both say where to look", "one of them")
    if options.keep_events and options.keep_events.exists() and not options.keep_events.is_dir():
        found = f"{options.keep_events} is a file"
        raise user_error("--keep-events", found, "a folder", fix="name another place")
    # Lines that go nowhere would be asked for in vain.
    if options.hand_events and options.events is None and options.serve is None:
        fix = "add one of them, or leave it out"
        raise user_error("--hand-events", "goes to --events or --serve, and there is none", fix=fix)
    if options.serve is not None and options.serve > _LAST_PORT:
        raise user_error("--serve", f"found {options.serve}", f"a port of 0 to {_LAST_PORT}")


def _check_places(options: DemoOptions) -> None:
    """Raise a UserError for outputs at one place, at that of an input, or in place of a folder."""
    places = _output_files(options)
    for number, (flag, path) in enumerate(places.items()):
        if path.is_dir() or path == options.keep_events:
            raise user_error(flag, f"{path} is a folder", fix="name a file in it")
        for other_flag, other in list(places.items())[:number]:
            if is_same_file(path, other) and not is_device(path):
                found = f"{path} is the place of {other_flag} too"
                raise user_error(flag, found, fix="name another file")

        for what, file in _files_in_use(options):
            # A folder of images, or of a model, may hold outputs as well, but not over its files.
            is_in_it = (
                file.is_dir()
                and path.exists()
                and path.suffix.lower() not in _SUFFIXES_OF_RESULTS
                and _is_below(path, file)
            )
            if is_same_file(path, file) or is_in_it:
                raise user_error(flag, f"{path} is {what}", fix="name another file")


def _files_in_use(options: DemoOptions) -> Iterator[tuple[str, Path]]:
    """Yield what the run reads: its part in the run, and the file or folder."""
    for source in options.sources:
        # An address is no path.
        if Path(source.removeprefix("file:")).exists():
            yield "the input", Path(source.removeprefix("file:"))
    for what, path in (
        ("the model", options.model),
        ("the detector", options.detector),
        ("the file of --decision", options.decision),
        ("the file of --personal", options.personal),
        ("the file of --commands", options.commands),
    ):
        if path is None:
            continue
        yield what, path
        # The weights of an .xml are beside it, those of an .onnx may be.
        for beside in (path.with_suffix(".bin"), Path(f"{path}.data")):
            if what in ("the model", "the detector") and beside.exists():
                yield f"a part of {what}", beside


def _output_files(options: DemoOptions) -> dict[str, Path]:
    """Return the files that the run writes, by flag."""
    events = options.events
    files = {
        "--output": options.output,
        "--csv": options.csv,
        "--events": Path(events) if events and events != STDOUT else None,
    }
    if options.keep_events is not None:
        from action_recognition.live.outputs.event_clips import RECORD_FILE

        # The films have names that nothing else has.
        files["--keep-events"] = options.keep_events / RECORD_FILE
    return {flag: path for flag, path in files.items() if path is not None}


def _is_below(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
