"""The end of a quickstart: tables, pictures, and the count of recognised gestures."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quickstart_pictures import (  # type: ignore[import-not-found]
    Answer,
    Panel,
    write_animation,
    write_contact_sheet,
    write_stream_sheet,
)
from rich.console import Console
from rich.table import Table

from action_recognition.dataset_tools.drawn_hands import MOTIONS
from action_recognition.evaluation.event_metrics import (
    Decision,
    Gesture,
    Timeline,
    match,
    score_stream,
)
from action_recognition.files import write_json

TOLERANCE_S = 1.0  # an event may come so long before or after its gesture


@dataclass(frozen=True, slots=True)
class Files:
    """The folders of a run."""

    clips: Path
    work_dir: Path
    results: Path

    @property
    def stream(self) -> Path:
        """The stream as it was drawn."""
        return self.clips / "stream.mp4"


@dataclass(frozen=True, slots=True)
class StreamCounts:
    """Gestures made in the stream, those with an event of their label, and all other events."""

    made: int
    seen: int
    false_alarms: int


def annotated_video(results: Path) -> Path:
    """Return the path of the stream with what the demo draws over it."""
    return results / "stream_annotated.mp4"


def stream_events(results: Path) -> Path:
    """Return the path of the events that the demo writes, a line of JSON each."""
    return results / "stream_events.jsonl"


def stream_predictions(results: Path) -> Path:
    """Return the path of the predictions that the demo writes."""
    return results / "stream_predictions.csv"


def report(files: Files, seconds: dict[str, float], seed: int) -> float:
    """Print the tables, write summary.json and the pictures, and return top-1 in %."""
    answers = read_answers(files.results / "predictions.csv")
    num_right = sum(answer.label == answer.predicted for answer in answers)
    top1_percent: float = 100.0 * num_right / len(answers)
    gestures = read_gestures(files.stream)
    decisions = read_decisions(stream_events(files.results))
    counts = judge_stream(gestures, decisions)
    sheets = _draw(files, answers, panels_of(gestures, decisions))
    summary = {
        "top1_percent": round(top1_percent, 2),
        "test_clips": len(answers),
        "seed": seed,
        "stream": {"made": counts.made, "seen": counts.seen, "false_alarms": counts.false_alarms},
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    write_json(files.results / "summary.json", summary)

    # The same for people.
    console = Console()
    console.print(_confusion_table(answers), _time_table(seconds))
    top1 = f"top-1 on {len(answers)} held-out clips: {top1_percent:.1f} %"
    console.print(f"[bold]{top1}[/bold] (chance {100 / len(MOTIONS):.1f} %)")
    seen = f"{counts.seen} of {counts.made} gestures recognised"
    console.print(f"stream: {seen}, {counts.false_alarms} false alarms")
    _print_files(console, files, sheets)
    return top1_percent


def _draw(files: Files, answers: Sequence[Answer], panels: Sequence[Panel]) -> dict[str, Path]:
    """Draw the pictures. Return the sheets by what they show."""
    clips, stream = files.results / "test_clips.jpg", files.results / "stream.jpg"
    write_contact_sheet(clips, answers)
    write_stream_sheet(stream, files.stream, panels)
    write_animation(files.results / "stream.gif", annotated_video(files.results))
    return {"held-out clips": clips, "gestures of the stream": stream}


def read_answers(path: Path) -> list[Answer]:
    """Read the rows of eval.py's predictions.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Answer(
                path=Path(row["path"]),
                start=int(row["clip_start"]),
                end=int(row["clip_end"]),
                label=row["label"],
                predicted=row["predicted"],
            )
            for row in csv.DictReader(file)
        ]


def read_gestures(video: Path) -> list[Gesture]:
    """Read the gestures that were made, from the file beside the video."""
    rows = json.loads(video.with_suffix(".events.json").read_text(encoding="utf-8"))
    return [Gesture(row["motion"], row["start_s"], row["end_s"]) for row in rows]


def read_decisions(path: Path) -> list[Decision]:
    """Read the gestures that the demo decided on, from its events."""
    events = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Decision(event["label"], event["time_s"]) for event in events if event["type"] == "gesture"
    ]


def judge_stream(gestures: Sequence[Gesture], decisions: Sequence[Decision]) -> StreamCounts:
    """Count the gestures with an event of their own label, and the other events.

    An event belongs to a gesture if it comes during it, or at most `TOLERANCE_S` before or after.

    >>> made = [Gesture("shake", 1.0, 2.0), Gesture("swipe_left", 5.0, 6.0)]
    >>> judge_stream(made, [Decision("shake", 1.6), Decision("swipe_right", 5.5)])
    StreamCounts(made=2, seen=1, false_alarms=1)
    """
    result = score_stream(Timeline(0.0, tuple(gestures)), decisions, TOLERANCE_S)
    others = len(decisions) - result.num_right
    return StreamCounts(len(gestures), result.num_right, others)


def panels_of(gestures: Sequence[Gesture], decisions: Sequence[Decision]) -> list[Panel]:
    """Return a panel for each gesture: at the time of its event, else at its end.

    A gesture without an event of its label shows another one that was decided during it, or at most
    `TOLERANCE_S` after it.
    """
    found = match(gestures, decisions, TOLERANCE_S)
    panels = []
    for number, gesture in enumerate(gestures):
        during = [
            item
            for item in decisions
            if gesture.start_s <= item.time_s <= gesture.end_s + TOLERANCE_S
        ]
        own = decisions[found[number]] if number in found else next(iter(during), None)
        if own is None:
            panels.append(Panel(gesture.label, gesture.end_s, None))
        else:
            panels.append(Panel(gesture.label, own.time_s, own.label))
    return panels


def _confusion_table(answers: Sequence[Answer]) -> Table:
    counts = Counter((answer.label, answer.predicted) for answer in answers)
    title = "held-out clips: rows were made, columns were recognised"
    table = Table(title=title, title_justify="left")
    table.add_column("", no_wrap=True)
    for motion in MOTIONS:
        # A blank is where a heading wraps in a narrow terminal.
        table.add_column(motion.replace("_", " "), justify="right")
    for label in MOTIONS:
        cells = [str(counts[label, other] or "") for other in MOTIONS]
        place = MOTIONS.index(label)
        cells[place] = f"[bold]{counts[label, label]}[/bold]"
        table.add_row(label, *cells)
    return table


def _time_table(seconds: dict[str, float]) -> Table:
    table = Table(title="time", title_justify="left")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for name, value in seconds.items():
        table.add_row(name, f"{value:.0f}")
    table.add_row("all", f"{sum(seconds.values()):.0f}", style="bold")
    return table


def _print_files(console: Console, files: Files, sheets: dict[str, Path]) -> None:
    named = {
        "annotated video": annotated_video(files.results),
        "its first seconds": files.results / "stream.gif",
        "events": stream_events(files.results),
        "confusion matrix": files.results / "confusion_matrix.png",
        **sheets,
        "metrics": files.results / "metrics.yaml",
        "exported model": files.work_dir / "export" / "model.xml",
        "how it was made": files.work_dir / "outputs" / "train_record.json",
    }
    width = max(map(len, named))
    for name, path in named.items():
        console.print(f"{name:{width}}  {path}", soft_wrap=True, highlight=False)
