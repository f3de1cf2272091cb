"""Films of events: the frames around each, in a folder of its label, moved when denied."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from action_recognition.errors import UserError
from action_recognition.live.decision import GestureEvent
from action_recognition.live.demo_options import DemoOptions, check_options
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.outputs.event_clips import RECORD_FILE, ClipFolders, EventClips
from action_recognition.live.outputs.output_guard import OutputGuard

FPS = 10


def frame(number: int) -> TimedFrame:
    return TimedFrame(number / FPS, np.full((48, 64, 3), 10 * (number % 20) + 20, np.uint8))


def folders(root: Path, said: list[str] | None = None, negative: str | None = None) -> ClipFolders:
    guard = OutputGuard("--keep-events", (said if said is not None else []).append)
    return ClipFolders(root, ["wave", "yes/no"], negative, guard)


def run_over(clips: EventClips, events: dict[int, GestureEvent], num_frames: int = 60) -> None:
    for number in range(num_frames):
        clips.add(frame(number))
        if number in events:
            clips.note(events[number])


def brightness(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [round(float(f.to_ndarray(format="gray").mean())) for f in container.decode(video=0)]


def files(root: Path) -> list[str]:
    return sorted(path.relative_to(root).parent.as_posix() for path in root.rglob("*.mp4"))


def test_a_film_lasts_from_before_the_event_until_after_it(tmp_path: Path) -> None:
    kept = folders(tmp_path / "kept")
    run_over(EventClips(kept), {30: GestureEvent(3.0, 2.0, "wave", 0.9)})
    kept.close()
    (film,) = (tmp_path / "kept").rglob("*.mp4")
    assert film.parent.name == "wave"
    # From 1.5 s to 3.5 s.
    expected = [10 * (number % 20) + 20 for number in range(15, 36)]
    np.testing.assert_allclose(brightness(film), expected, atol=6)
    (line,) = (tmp_path / "kept" / RECORD_FILE).read_text().splitlines()
    assert json.loads(line)["clip"] == film.name and json.loads(line)["probability"] == 0.9


def test_the_end_of_the_run_finishes_a_film(tmp_path: Path) -> None:
    kept = folders(tmp_path)
    run_over(EventClips(kept), {9: GestureEvent(0.9, 0.1, "yes/no", 0.9)}, num_frames=10)
    kept.close()
    kept.close()
    assert files(tmp_path) == ["yes_no"] and kept.num_written == 1


@pytest.mark.parametrize("num_frames", [33, 60])
def test_a_denied_event_shows_no_gesture(tmp_path: Path, num_frames: int) -> None:
    kept = folders(tmp_path, negative="rest")
    clips = EventClips(kept)
    event = GestureEvent(3.0, 2.5, "wave", 0.9)
    # Denied before its film is whole, and after it was written.
    run_over(clips, {30: event}, num_frames)
    place = clips.deny()
    assert place is not None and clips.deny() is None
    kept.close()
    assert files(tmp_path) == ["rest"] and place.is_file()


def test_without_a_negative_label_the_folder_has_the_usual_name(tmp_path: Path) -> None:
    kept = folders(tmp_path)
    clips = EventClips(kept)
    run_over(clips, {30: GestureEvent(3.0, 2.5, "wave", 0.9)})
    clips.deny()
    kept.close()
    assert files(tmp_path) == ["no gesture"]


def test_what_cannot_be_written_ends_the_films_alone(tmp_path: Path) -> None:
    said: list[str] = []
    kept = folders(tmp_path, said)
    (tmp_path / "wave").write_text("a file in the way")
    events = {30: GestureEvent(3.0, 2.5, "wave", 0.9), 50: GestureEvent(5.0, 4.5, "wave", 0.9)}
    run_over(EventClips(kept), events)
    kept.close()
    assert len(said) == 1 and "everything else goes on" in said[0]
    assert not list(tmp_path.rglob("*.mp4")) and not list(tmp_path.glob(".*"))


def test_the_place_has_to_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--keep-events: .* is a file; allowed: a folder"):
        check_options(DemoOptions(tmp_path, "0", keep_events=tmp_path / "file"))
