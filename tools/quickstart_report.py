"""What a quickstart ends with: tables, a picture of held-out clips and what they were taken for, the gestures seen in the stream."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import PIL.Image
from rich.console import Console
from rich.table import Table

from action_recognition.data.video import probe, read_frames
from action_recognition.dataset_tools.drawn_hands import MOTIONS, NEGATIVE_MOTION

SHEET_FRAMES = 8
SHEET_CLIPS_A_MOTION = 2
CELL_HEIGHT, TITLE_WIDTH = 72, 172
STREAM_COLUMNS, STREAM_CELL_WIDTH = 5, 192
ANIMATION_S, ANIMATION_FPS, ANIMATION_WIDTH, ANIMATION_COLOURS = 8, 6, 240, 32
DARK, WHITE, GOOD, BAD = (40, 40, 40), (255, 255, 255), (20, 120, 40), (190, 30, 30)

Image = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Files:
    """Where a run's files are."""

    folder: Path
    clips: Path
    work_dir: Path
    results: Path


@dataclass(frozen=True, slots=True)
class Answer:
    """One held-out clip and what it was taken for; the gesture is in frames [start, end)."""

    path: Path
    start: int
    end: int
    label: str
    predicted: str


@dataclass(frozen=True, slots=True)
class Interval:
    """A label from `start_s` to `end_s`."""

    label: str
    start_s: float
    end_s: float

    def overlaps(self, other: Interval) -> bool:
        return self.start_s <= other.end_s and other.start_s <= self.end_s


@dataclass(frozen=True, slots=True)
class StreamResult:
    """Gestures made in the stream, how many were answered by their own label, and answers where nothing was made."""

    made: int
    seen: int
    false_alarms: int


def annotated_video(results: Path) -> Path:
    return results / "stream_annotated.mp4"


def stream_events(results: Path) -> Path:
    return results / "stream_events.jsonl"


def stream_predictions(results: Path) -> Path:
    return results / "stream_predictions.csv"


def report(files: Files, seconds: dict[str, float], seed: int) -> float:
    """Print the tables, write summary.json and the picture; top-1 in percent of the held-out clips."""
    answers = read_answers(files.results / "predictions.csv")
    top1_percent = (
        100.0 * sum(answer.label == answer.predicted for answer in answers) / len(answers)
    )
    events = read_events(files.clips / "stream.mp4")
    stream = judge_stream(events, read_detections(stream_predictions(files.results)))
    sheets = {
        "held-out clips": files.results / "test_clips.jpg",
        "gestures of the stream": files.results / "stream.jpg",
    }
    write_contact_sheet(sheets["held-out clips"], answers)
    write_stream_sheet(sheets["gestures of the stream"], annotated_video(files.results), events)
    write_animation(files.results / "stream.gif", annotated_video(files.results))
    summary = {
        "top1_percent": round(top1_percent, 2),
        "test_clips": len(answers),
        "seed": seed,
        "stream": {"made": stream.made, "seen": stream.seen, "false_alarms": stream.false_alarms},
        "seconds": {name: round(value, 1) for name, value in seconds.items()},
    }
    _write_text(files.results / "summary.json", json.dumps(summary, indent=1) + "\n")
    console = Console()
    console.print(_confusion_table(answers), _time_table(seconds))
    console.print(
        f"[bold]top-1 on {len(answers)} held-out clips: {top1_percent:.1f} %[/bold] (chance {100 / len(MOTIONS):.1f} %)"
    )
    console.print(
        f"stream: {stream.seen} of {stream.made} gestures seen, {stream.false_alarms} false alarms"
    )
    _print_files(console, files, sheets)
    return top1_percent


# --- held-out clips -----------------------------------------------------------------------------------------


def read_answers(path: Path) -> list[Answer]:
    """The rows of eval.py's predictions.csv."""
    with path.open(newline="", encoding="utf-8") as file:
        return [
            Answer(
                Path(row["path"]),
                int(row["clip_start"]),
                int(row["clip_end"]),
                row["label"],
                row["predicted"],
            )
            for row in csv.DictReader(file)
        ]


def _confusion_table(answers: Sequence[Answer]) -> Table:
    counts = Counter((answer.label, answer.predicted) for answer in answers)
    table = Table(
        title="held-out clips: rows were made, columns were recognised", title_justify="left"
    )
    table.add_column("", no_wrap=True)
    for motion in MOTIONS:
        table.add_column(
            motion.replace("_", " "), justify="right"
        )  # wraps at the blank in a narrow terminal
    for label in MOTIONS:
        cells = [
            f"[bold]{counts[label, other]}[/bold]"
            if label == other
            else str(counts[label, other] or "")
            for other in MOTIONS
        ]
        table.add_row(label, *cells)
    return table


def write_contact_sheet(path: Path, answers: Sequence[Answer]) -> None:
    """A picture: a row for each of some clips, its frames in order, its label and what it was taken for."""
    rows = []
    for motion in MOTIONS:
        of_motion = [answer for answer in answers if answer.label == motion][:SHEET_CLIPS_A_MOTION]
        rows += [_sheet_row(answer) for answer in of_motion]
    width = max(row.shape[1] for row in rows)
    sheet = np.vstack(
        [
            np.pad(row, ((0, 3), (0, width - row.shape[1]), (0, 0)), constant_values=255)
            for row in rows
        ]
    )
    _write_jpeg(path, sheet)


def write_stream_sheet(path: Path, video: Path, events: Sequence[Interval]) -> None:
    """A picture: the annotated stream at the end of each gesture, with the gesture's own name above."""
    info = probe(video)
    assert info.frame_rate_fps is not None  # a video file states its rate
    last = [min(round(event.end_s * info.frame_rate_fps), info.num_frames - 1) for event in events]
    cells = []
    for event, frame in zip(events, read_frames(video, last), strict=True):
        small = cv2.resize(
            frame,
            (STREAM_CELL_WIDTH, round(STREAM_CELL_WIDTH * info.height / info.width)),
            interpolation=cv2.INTER_AREA,
        )
        titled = cv2.copyMakeBorder(small, 22, 3, 3, 3, cv2.BORDER_CONSTANT, value=WHITE)
        cells.append(
            cv2.putText(
                titled,
                f"made: {event.label}",
                (6, 16),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.45,
                DARK,
                1,
                cv2.LINE_AA,
            )
        )
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % STREAM_COLUMNS)
    _write_jpeg(
        path,
        np.vstack(
            [np.hstack(cells[i : i + STREAM_COLUMNS]) for i in range(0, len(cells), STREAM_COLUMNS)]
        ),
    )


def write_animation(path: Path, video: Path) -> None:
    """The first seconds of the annotated stream as a GIF, small enough for a page."""
    info = probe(video)
    assert info.frame_rate_fps is not None  # a video file states its rate
    num_frames = min(info.num_frames, round(ANIMATION_S * info.frame_rate_fps))
    frames = read_frames(
        video, range(0, num_frames, max(1, round(info.frame_rate_fps / ANIMATION_FPS)))
    )
    size = ANIMATION_WIDTH, round(ANIMATION_WIDTH * info.height / info.width)
    pictures = [
        PIL.Image.fromarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA))
        for frame in frames
    ]
    palette = pictures[len(pictures) // 2].quantize(ANIMATION_COLOURS)
    first, *others = [
        picture.quantize(palette=palette, dither=PIL.Image.Dither.NONE) for picture in pictures
    ]
    partial = path.with_name(f".part.{path.name}")
    first.save(
        partial,
        save_all=True,
        append_images=others,
        duration=round(1000 / ANIMATION_FPS),
        loop=0,
        optimize=True,
    )
    partial.replace(path)


def _write_jpeg(path: Path, image: Image) -> None:
    partial = path.with_name(f".part.{path.name}")
    cv2.imwrite(
        str(partial), cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85]
    )
    partial.replace(path)


def _sheet_row(answer: Answer) -> Image:
    indices = np.linspace(answer.start, answer.end - 1, SHEET_FRAMES).round().astype(int)
    frames = read_frames(answer.path, [int(index) for index in indices])
    side = min(frames.shape[1:3])
    top, left = (frames.shape[1] - side) // 2, (frames.shape[2] - side) // 2
    squares = [frame[top : top + side, left : left + side] for frame in frames]
    title = np.full((CELL_HEIGHT, TITLE_WIDTH, 3), 255, np.uint8)
    cv2.putText(title, answer.label, (6, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.55, DARK, 1, cv2.LINE_AA)
    colour = GOOD if answer.label == answer.predicted else BAD
    cv2.putText(
        title,
        f"-> {answer.predicted}",
        (6, 56),
        cv2.FONT_HERSHEY_SIMPLEX,
        0.55,
        colour,
        1,
        cv2.LINE_AA,
    )
    cells = [
        cv2.resize(square, (CELL_HEIGHT, CELL_HEIGHT), interpolation=cv2.INTER_AREA)
        for square in squares
    ]
    return np.hstack(
        [title, *(np.pad(cell, ((0, 0), (0, 3), (0, 0)), constant_values=255) for cell in cells)]
    )


# --- the stream ---------------------------------------------------------------------------------------------


def read_events(video: Path) -> list[Interval]:
    """The gestures that were made, from the file beside the video."""
    rows = json.loads(video.with_suffix(".events.json").read_text(encoding="utf-8"))
    return [Interval(row["motion"], row["start_s"], row["end_s"]) for row in rows]


def read_detections(path: Path, least_windows: int = 2) -> list[Interval]:
    """Runs of windows with the same label, other than nothing, from demo.py's CSV; shorter ones than `least_windows` are dropped."""
    with path.open(newline="", encoding="utf-8") as file:
        windows = [(float(row["time_s"]), row["label"]) for row in csv.DictReader(file)]
    runs = [list(run) for _, run in groupby(windows, key=lambda window: window[1])]
    return [
        Interval(run[0][1], run[0][0], run[-1][0])
        for run in runs
        if len(run) >= least_windows and run[0][1] != NEGATIVE_MOTION
    ]


def judge_stream(
    events: Sequence[Interval], detections: Sequence[Interval], late_s: float = 1.0
) -> StreamResult:
    """A gesture is seen when the longest run during it, or up to `late_s` after it, has its label; a run beside all is a false alarm.

    >>> made = [Interval("shake", 1.0, 2.0), Interval("swipe_left", 5.0, 6.0)]
    >>> judge_stream(made, [Interval("shake", 1.6, 2.4), Interval("shake", 3.5, 4.0), Interval("swipe_right", 5.5, 6.5)])
    StreamResult(made=2, seen=1, false_alarms=1)
    """
    extended = [Interval(event.label, event.start_s, event.end_s + late_s) for event in events]
    seen = 0
    for event in extended:
        during = [run for run in detections if run.overlaps(event)]
        longest = max(during, key=lambda run: run.end_s - run.start_s, default=None)
        seen += longest is not None and longest.label == event.label
    false_alarms = sum(not any(run.overlaps(event) for event in extended) for run in detections)
    return StreamResult(len(events), seen, false_alarms)


# --- printing -----------------------------------------------------------------------------------------------


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


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
