"""Streams composed of clips: what is in them stands where streams.json says it does."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from action_recognition.commands.data.compose_streams import main
from action_recognition.data.sampling import to_and_fro
from action_recognition.data.stream_files import (
    AnnotatedStream,
    MarkedEvent,
    read_streams,
    write_streams,
)
from action_recognition.data.video import count_frames, read_frames
from action_recognition.errors import UserError
from tests.synthetic import numbered_frames, read_frame_number, write_lines, write_video

LABELS = ("wave", "stop")


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two people with two clips each, 30 frames at 15 a second from frame 5 to 25; frame i of clip
    n shows 100 n + i.
    """
    root = tmp_path / "clips"
    lines = []
    for number, (person, label) in enumerate(
        [("anna", "wave"), ("anna", "stop"), ("ben", "wave"), ("ben", "wave")]
    ):
        name = f"{person}_{number}.mp4"
        write_video(root / name, numbered_frames(30, first=100 * number), 15)
        lines.append(f"{name} {label} 5 25 0 30 15")
    write_lines(root / "val.txt", lines)
    (root / "classes.json").write_text(json.dumps(LABELS))
    return root


def composed(clips: Path, output: Path, *more: str) -> list[AnnotatedStream]:
    flags = [
        "--ann-files",
        str(clips / "val.txt"),
        "--data-roots",
        str(clips),
        "--person-regex",
        r"^([a-z]+)_",
        "--output",
        str(output),
    ]
    assert main([*flags, *more]) == 0
    return read_streams([output / "streams.json"], [output], LABELS, None)


def test_the_gestures_stand_where_the_file_says(clips: Path, tmp_path: Path) -> None:
    streams = composed(clips, tmp_path / "out")
    assert [stream.path.name for stream in streams] == ["anna.mp4", "ben.mp4"]
    for stream in streams:
        numbers = [
            read_frame_number(frame)
            for frame in read_frames(stream.path, range(count_frames(stream.path)))
        ]
        assert (
            abs(len(numbers) / 30 - stream.duration_s) < 1e-2
            and len(stream.events) == 2
            and len(stream.cuts_s) == 1
        )
        clip_of = [number // 100 for number in numbers]
        changes = [i for i in range(1, len(numbers)) if clip_of[i] != clip_of[i - 1]]
        assert [
            round(cut_s * 30) for cut_s in stream.cuts_s
        ] == changes  # nobody else, and no other cut
        for event in stream.events:
            first, last = round(event.start_s * 30), round(event.end_s * 30) - 1
            assert [number % 100 for number in numbers[first : last + 1]] == [
                5 + i // 2 for i in range(40)
            ]
            assert event.label == ("stop" if numbers[first] // 100 == 1 else "wave")
        steps = [
            abs(now - before)
            for i, (before, now) in enumerate(pairwise(numbers))
            if i + 1 not in changes
        ]
        assert max(steps) == 1  # rest goes to and fro without a jump


def test_the_same_seed_gives_the_same_streams(clips: Path, tmp_path: Path) -> None:
    for name, seed in (("a", "1"), ("b", "1"), ("c", "2")):
        composed(clips, tmp_path / name, "--seed", seed)
    same, again, other = ((tmp_path / name / "streams.json").read_text() for name in "abc")
    assert same == again != other


def test_people_who_do_other_things_make_streams_without_events(
    clips: Path, tmp_path: Path
) -> None:
    more = [
        "--negative-ann-files",
        str(clips / "val.txt"),
        "--negative-data-roots",
        str(clips),
        "--max-clips",
        "1",
    ]
    streams = composed(clips, tmp_path / "out", *more)
    assert [len(stream.events) for stream in streams] == [1] * 4 + [0] * 4 and all(
        not stream.cuts_s for stream in streams
    )
    with pytest.raises(UserError, match="already exists"):
        composed(clips, tmp_path / "out")


def test_rest_is_made_of_the_ends() -> None:
    assert [to_and_fro(i, 1, 5) for i in (-3, 0, 3)] == [0, 0, 0]
    assert [to_and_fro(i, 3, 9) for i in range(-5, 8)] == [1, 0, 1, 2, 1, 0, 1, 2, 1, 0, 1, 2, 1]


def test_annotation_files_are_streams_too(clips: Path) -> None:
    write_lines(
        clips / "long.txt",
        [
            "anna_0.mp4 wave 3 9 0 30 15",
            "anna_0.mp4 1 15 30 0 30 15",
            "ben_2.mp4 stop 0 30 0 30 15",
        ],
    )
    streams = read_streams([clips / "long.txt"], [clips], LABELS, "stop")
    assert [(stream.path.name, stream.duration_s, stream.events) for stream in streams] == [
        ("anna_0.mp4", 2.0, (MarkedEvent("wave", 0.2, 0.6),)),
        ("ben_2.mp4", 2.0, ()),
    ]


def test_all_problems_of_a_file_are_named(clips: Path) -> None:
    good = {"path": "anna_0.mp4", "duration_s": 2, "events": [], "cuts_s": []}
    entries = [
        good,
        good | {"path": "gone.mp4"},
        good | {"path": "../anna_0.mp4"},
        good | {"duration_s": -1},
        good
        | {
            "events": [
                {"label": "wavy", "start_s": 0, "end_s": 1},
                {"label": "wave", "start_s": 1, "end_s": 1},
            ]
        },
        good | {"cuts_s": [None]},
    ]
    (clips / "streams.json").write_text(json.dumps({"streams": entries}))
    with pytest.raises(UserError) as error:
        read_streams([clips / "streams.json"], [clips], LABELS, None)
    text = str(error.value)
    assert [f"stream {number}" in text for number in range(1, 7)] == [False] + [True] * 5
    assert "did you mean 'wave'" in text and len(error.value.problems) == 6
    (clips / "streams.json").write_text("{}")
    with pytest.raises(UserError, match="is not a list of streams"):
        read_streams([clips / "streams.json"], [clips], LABELS, None)


def test_what_is_written_is_read(clips: Path) -> None:
    streams = [
        AnnotatedStream(clips / "anna_0.mp4", 2.0, (MarkedEvent("wave", 0.5, 1.25),), (1.5,))
    ]
    write_streams(clips / "streams.json", streams)
    assert read_streams([clips / "streams.json"], [clips], LABELS, None) == streams
    assert np.isclose(
        json.loads((clips / "streams.json").read_text())["streams"][0]["cuts_s"][0], 1.5
    )


def test_hours_of_negatives_are_never_the_same(clips: Path, tmp_path: Path) -> None:
    """A minute out of four clips: 20 parts of 1.3 s and their rests."""
    more = ["--negative-ann-files", str(clips / "val.txt"), "--negative-data-roots", str(clips)]
    more += ["--negative-hours", "0.01"]
    streams = composed(clips, tmp_path / "out", *more)
    others = [stream for stream in streams if stream.path.stem.startswith("other")]
    assert 36 <= sum(stream.duration_s for stream in others) < 36 + 4 * 9.5
    assert all(not stream.events and len(stream.cuts_s) == 3 for stream in others)
    assert len({stream.cuts_s for stream in others}) == len(others) > 1

    with pytest.raises(UserError, match="--negative-hours: there are no negatives"):
        composed(clips, tmp_path / "none", "--negative-hours", "1")
