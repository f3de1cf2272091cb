"""The options of a demo run, and the checks that need nothing but the options."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from action_recognition.deploy.backends import Hint
from action_recognition.errors import user_error
from action_recognition.live.outputs.events import STDOUT
from action_recognition.live.regions import Box


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
    # The part of the picture that the network sees.
    mirror: bool = False
    box: Box | None = None
    detector: Path | None = None
    max_persons: int = 4
    pick: bool = False
    realtime: bool = False
    serve: int | None = None
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
    """Raise a UserError for options that contradict each other or would overwrite an input."""
    # An output must not replace an input.
    for flag, path in _output_files(options).items():
        if any(_is_same_file(path, source) for source in options.sources):
            raise user_error(flag, f"{path} is the input", fix="name another file")
        if path.is_dir():
            raise user_error(flag, f"{path} is a folder", fix="name a file in it")

    if options.output and options.more_sources:
        raise user_error(
            "--output", f"there are {len(options.sources)} inputs", "one input for a recorded video"
        )
    if options.box and options.detector:
        raise user_error("--box, --detector", "both say where to look", "one of them")


def _output_files(options: DemoOptions) -> dict[str, Path]:
    """Return the files that the run writes, by flag."""
    events = options.events
    files = {
        "--output": options.output,
        "--csv": options.csv,
        "--events": Path(events) if events and events != STDOUT else None,
    }
    return {flag: path for flag, path in files.items() if path is not None}


def _is_same_file(path: Path, source: str) -> bool:
    return Path(source).exists() and path.resolve() == Path(source).resolve()
