"""Films, snapshots and short answers over HTTP: a film ends once, and nobody is flooded."""

from __future__ import annotations

import io
import itertools
import os
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from action_recognition.live.sources.address_source import AddressSource
from action_recognition.live.sources.frame_sources import open_source
from action_recognition.live.sources.reader_thread import FrameReader
from action_recognition.live.sources.retrying import Patience
from action_recognition.live.sources.seen_film import SeenFilm, Sight
from action_recognition.live.sources.snapshot_source import SnapshotSource
from action_recognition.live.sources.stream_clock import Pace, StreamClock
from tests.live.sources.http_server import Answers, serving
from tests.synthetic import numbered_frames, read_frame_number, write_video

NUM_FRAMES = 60


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """One film as a recorder of a browser writes it, as a raw stream and as a transport stream.

    None of them has a length.
    """
    folder = tmp_path_factory.mktemp("films")
    frames = numbered_frames(NUM_FRAMES)
    clip = write_video(folder / "clip.mp4", frames, 30, options={"bf": "0", "g": "6"})
    found = {}
    for form in ("matroska", "h264", "mpegts"):
        command = ["ffmpeg", "-v", "error", "-i", str(clip), "-c", "copy", "-f", form, "pipe:1"]
        found[form] = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return found


def _numbers(source: object, limit_s: float = 30.0) -> list[int]:
    reader = FrameReader(source)  # type: ignore[arg-type]
    frames = iter(lambda: reader.get(limit_s), None)
    return [read_frame_number(frame.picture) for frame in frames]


@pytest.mark.parametrize("form", ["matroska", "h264", "mpegts"])
@pytest.mark.parametrize("length", ["length", "wrong length", "close", "chunks", "no last chunk"])
def test_a_film_ends_whatever_is_said_of_its_length(
    films: dict[str, bytes], form: str, length: str
) -> None:
    with serving(Answers(lambda: films[form], length)) as answers:
        source = open_source(answers.address, 15.0)
        assert _numbers(source) == list(range(NUM_FRAMES))
        assert len(answers.asked_s) == 1


def test_a_film_that_comes_as_fast_as_it_plays_ends_when_it_begins_again(
    films: dict[str, bytes],
) -> None:
    film, said = films["mpegts"], list[str]()
    answers = Answers(lambda: film, pause_s=0.1, piece=len(film) // 20)
    with serving(answers):
        patience = Patience(said.append, wait=lambda _: time.sleep(0.05))
        source = open_source(answers.address, 15.0, said.append, patience)
        assert _numbers(source) == list(range(NUM_FRAMES))
    assert len(answers.asked_s) == 2
    assert any("the same film again" in line for line in said)


def test_a_film_that_broke_off_goes_on_where_it_was(films: dict[str, bytes]) -> None:
    film = films["mpegts"]
    parts = itertools.chain([film[: len(film) // 2]], itertools.repeat(film))
    answers = Answers(lambda: next(parts), pause_s=0.1, piece=len(film) // 20)
    with serving(answers):
        patience = Patience(wait=lambda _: time.sleep(0.05))
        numbers = _numbers(open_source(answers.address, 15.0, patience=patience))
    assert numbers == sorted(set(numbers)) and numbers[-1] == NUM_FRAMES - 1
    assert len(numbers) > NUM_FRAMES - 3


def _jpeg(shade: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.full((120, 160, 3), shade, np.uint8)).save(data, "JPEG")
    return data.getvalue()


@pytest.mark.parametrize("length", ["length", "close"])
def test_a_snapshot_is_asked_at_the_rate_of_the_model(length: str) -> None:
    shades, said = itertools.count(0, 20), list[str]()
    answers = Answers(lambda: _jpeg(next(shades) % 250), length, "image/jpeg")
    with serving(answers):
        source = open_source(answers.address, 20.0, said.append)
        assert isinstance(source, SnapshotSource) and source.is_live
        frames = list(itertools.islice(source.frames(), 11))
        source.stop()
    assert np.diff(answers.asked_s[1:]).min() > 0.03
    assert frames[-1].time_s >= 10 / 20.0 - 0.05
    assert len({int(frame.picture.mean()) for frame in frames}) == 11
    assert not any(frame.is_restart for frame in frames)
    assert len(said) == 1 and "gives single pictures" in said[0]


def test_a_source_that_ends_at_once_is_asked_less_and_less_often() -> None:
    part = b"--b\r\nContent-Type: image/jpeg\r\n\r\n" + _jpeg(100) + b"\r\n"
    answers = Answers(lambda: 3 * part, content_type="multipart/x-mixed-replace;boundary=b")
    waits: list[float] = []
    with serving(answers):
        patience = Patience(wait=waits.append, clock=itertools.count(0, 0.1).__next__)
        source = open_source(answers.address, 15.0, patience=patience)
        assert isinstance(source, AddressSource)
        list(itertools.islice(source.frames(), 20))
    assert waits[:6] == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]


def test_a_source_that_was_sound_is_asked_at_once() -> None:
    times = iter([0.0, 20.0, 20.5, 21.0, 21.5])
    waits: list[float] = []
    patience = Patience(wait=waits.append, clock=lambda: next(times))
    assert patience.again("camera", lambda: "back") == "back" and waits == []
    assert patience.again("camera", lambda: "back") == "back" and waits == [0.25]


def test_a_pipe_ends_with_its_writer(films: dict[str, bytes], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["dd", f"of={pipe}", "status=none"], stdin=subprocess.PIPE) as writer:
        assert writer.stdin is not None
        writer.stdin.write(films["mpegts"])
        writer.stdin.close()
        assert _numbers(open_source(str(pipe), 15.0)) == list(range(NUM_FRAMES))


def _sights(film: SeenFilm, packets: str) -> str:
    film.connected()
    letters = {Sight.NEW: "n", Sight.SEEN: "s", Sight.UNDECIDED: "?"}
    return "".join(letters[film.look_at(packet.encode())] for packet in packets)


def test_the_same_film_is_known_by_its_beginning_and_goes_on_beyond_its_end() -> None:
    film = SeenFilm()
    assert _sights(film, "abcdef") == "nnnnnn" and not film.has_ended_again
    assert _sights(film, "abcdef") == "??ssss" and film.has_ended_again
    assert _sights(film, "abcd") == "??ss" and not film.has_ended_again
    assert _sights(film, "abcdefgh") == "??ssssnn" and not film.has_ended_again
    assert _sights(film, "abcdefgh") == "??ssssss" and film.has_ended_again


def test_another_film_is_new_from_where_it_differs() -> None:
    film = SeenFilm()
    _sights(film, "abcdef")
    assert _sights(film, "xbcdef") == "nnnnnn"
    assert _sights(film, "xbcdgg") == "??ssnn"
    assert _sights(film, "xbcdgg") == "??ssss" and film.has_ended_again
    # The last packet may have been cut off.
    assert _sights(film, "xbcdg*h") == "??ssssn"
    assert _sights(film, "") == "" and not film.has_ended_again


def test_the_memory_of_a_long_film_is_bounded() -> None:
    film = SeenFilm()
    film.connected()
    for number in range(50_000):
        film.look_at(b"%d" % number)
    assert len(film._marks) <= 4096
    film.connected()
    sights = {film.look_at(b"%d" % number) for number in range(50_000)}
    assert sights == {Sight.UNDECIDED, Sight.SEEN} and film.has_ended_again


def test_frames_without_stamps_that_come_in_a_burst_are_a_frame_apart() -> None:
    clock = StreamClock(least_step_s=0.1)
    arrivals = [0.0, 0.0, 0.0, 0.25, 0.5]
    times = [clock.time_of(None, arrival_s)[0] for arrival_s in arrivals]
    assert times == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.5])


def test_only_a_film_comes_far_ahead_of_its_times() -> None:
    for seconds_per_second, is_film in ((1.0, False), (0.5, False), (0.1, True)):
        now_s = [0.0]
        pace = Pace(lambda now_s=now_s: now_s[0])
        for number in range(90):
            pace.due_s(number / 30)
            now_s[0] += 0.5  # the reader is slow
            pace.resumed()
            now_s[0] += seconds_per_second / 30
        assert pace.was_far_ahead is is_film
