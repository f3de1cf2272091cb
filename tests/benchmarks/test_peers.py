"""benchmarks/peers: its parts by hand-made numbers, and all of it in its quick form."""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.peers.__main__ import main
from benchmarks.peers.accuracy import chosen_values
from benchmarks.peers.clips import ClipSet
from benchmarks.peers.graph import partitions
from benchmarks.peers.quick import made_data_set
from benchmarks.peers.recipe import Scores, Values, around_wrist, last_frames
from benchmarks.peers.report import TITLES, tables
from benchmarks.peers.results import Result, once
from benchmarks.peers.time_warping import TIME_WARPING, warped_distances
from benchmarks.peers.trackers.frame_pipe import TrackerProcess
from benchmarks.peers.trackers.mediapipe_tracker import write_bundle
from benchmarks.peers.trackers.run_time import OURS, PEER, Measured, compare, figures_of

# A tracker that answers with the brightness of the picture and counts the frames of a film.
STAND_IN = """
import numpy as np
from benchmarks.peers.trackers.frame_pipe import serve
def new_tracker():
    frames = []
    def track(picture, time_ms):
        frames.append(time_ms)
        point = [float(picture.mean()), float(len(frames)), 0.0]
        spread = [point[0] + 20.0, point[1] + 40.0, 0.0]
        return [{"points": point * 20 + spread, "right": 1.0, "world": [0.0] * 63}]
    return track
print("noise on stdout")
serve(new_tracker)
"""


def test_the_quick_form_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, figures = tmp_path / "peers.png", tmp_path / "peers.json"
    assert main(["--quick", "--picture", str(picture), "--json", str(figures)]) == 0
    printed = capsys.readouterr().out
    for title in ("two layers", "stacked LSTM", "time warping", "graph network", "statistics"):
        assert title in printed
    assert picture.stat().st_size > 5000 and json.loads(figures.read_text())["name"] == "peers"


def test_time_warping_takes_the_best_path() -> None:
    clip = np.array([[[0.0], [1.0], [2.0], [2.0]]], np.float32)
    # The same at another speed, and one that is a step of 1 away at its end.
    others = np.array([[[0.0], [0.0], [1.0], [2.0]], [[0.0], [1.0], [2.0], [3.0]]], np.float32)
    assert warped_distances(clip, others, band=4) == pytest.approx(np.array([[0.0, 0.25]]))
    # Without a band only frames of the same time meet.
    assert warped_distances(clip, others, band=0) == pytest.approx(np.array([[0.5, 0.25]]))


def test_nearest_neighbours_know_made_gestures() -> None:
    data = made_data_set()
    scores = TIME_WARPING.fit(data.splits["train"], 3, TIME_WARPING.candidates[1], 0)
    val = data.splits["val"]
    assert (scores(val).argmax(1) == val.labels).mean() >= 0.8


def test_a_clip_without_a_hand_is_scored() -> None:
    data = made_data_set()
    nothing = ClipSet([np.zeros((4, 2, 21, 4), np.float32)], np.array([[480, 640]]), np.array([0]))
    scores = TIME_WARPING.fit(data.splits["train"], 3, TIME_WARPING.candidates[1], 0)
    assert np.isfinite(scores(nothing)).all()


def test_points_are_around_the_wrist_and_the_last_frames_are_taken() -> None:
    hands = np.zeros((2, 2, 21, 4), np.float32)
    hands[1, 1, :, 0], hands[1, 1, 0, 0], hands[1, 1, 4, 1] = 30.0, 10.0, 40.0
    points = around_wrist(hands)
    assert points[1, 1, 4].tolist() == [0.5, 1.0, 0.0] and not points[0].any()
    padded = last_frames(points, 3)
    assert padded.shape == (3, 2, 21, 3) and not padded[:2].any()
    assert np.array_equal(last_frames(points, 1), points[1:])


def test_joints_are_mixed_with_their_neighbours() -> None:
    itself, inwards, outwards = partitions()
    assert itself.diagonal().sum() == 21
    assert inwards[8, 7] == 1.0 and inwards[0].sum() == 0.0
    assert outwards[0, [1, 5, 9, 13, 17]].tolist() == pytest.approx([0.2] * 5)


def test_networks_lie_at_multiples_of_four_bytes(tmp_path: Path) -> None:
    files = []
    for name, size in (("palm", 7), ("hand", 10)):
        files.append(tmp_path / name)
        files[-1].write_bytes(name[:1].encode() * size)
    bundle = tmp_path / "hands.task"
    write_bundle(files, bundle)
    with zipfile.ZipFile(bundle) as archive:
        assert archive.testzip() is None
        for info, file in zip(archive.infolist(), files, strict=True):
            assert archive.read(info) == file.read_bytes()
            header = bundle.read_bytes()[info.header_offset :][:30]
            lengths = struct.unpack("<HH", header[26:30])
            assert (info.header_offset + 30 + sum(lengths)) % 4 == 0


def test_trackers_answer_in_turns_and_forget_between_films() -> None:
    command = [sys.executable, "-c", STAND_IN]
    films = [[(i / 10, np.full((4, 6, 3), 9 * i, np.uint8)) for i in range(3)]] * 2
    found = compare(films, {OURS: command, PEER: command})
    for film in found[OURS].hands:
        assert [hands[0]["points"][:2] for hands in film] == [[0.0, 1.0], [9.0, 2.0], [18.0, 3.0]]
    figures = figures_of(found)
    assert figures["landmarks_p95_px"].value == 0.0
    assert figures["same_number_of_hands"].value == 1.0
    assert found[PEER].row()["peak_mb"] > 1.0


def test_the_ratio_is_their_time_over_ours() -> None:
    hand = [[{"points": np.arange(63.0).tolist()}]]
    ours, peer = Measured(frame_s=[[1.0]], hands=[hand]), Measured(frame_s=[[2.0]], hands=[hand])
    figures = figures_of({OURS: ours, PEER: peer})
    assert figures["hands_cpu_time_under_mediapipe_f32"].value == 2.0
    with pytest.raises(ValueError, match="no frame shows a hand"):
        figures_of({OURS: Measured([[1.0]], hands=[[[]]]), PEER: Measured([[2.0]], hands=[[[]]])})


def test_a_tracker_that_ends_is_an_error_with_its_last_words() -> None:
    with pytest.raises(RuntimeError, match="ended with 1: no mediapipe"):
        TrackerProcess([sys.executable, "-c", "raise SystemExit('no mediapipe')"])


def test_values_are_chosen_on_val_whatever_test_says(tmp_path: Path) -> None:
    data = made_data_set()
    recipe = TIME_WARPING.shortened()

    def fit(train: ClipSet, num_classes: int, values: Values, seed: int) -> Scores:
        def scores(clips: ClipSet) -> NDArray[np.float32]:
            # One is right on val and wrong on test, the other the other way round.
            is_right = (clips is data.splits["val"]) == (values["right_on"] == "val")
            answers = clips.labels if is_right else (clips.labels + 1) % num_classes
            return np.eye(num_classes, dtype=np.float32)[answers]

        return scores

    made = replace(recipe, fit=fit, candidates=[{"right_on": "test"}, {"right_on": "val"}])
    assert chosen_values(made, data, tmp_path) == {"right_on": "val"}


def test_every_competitor_has_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = "".join(capsys.readouterr().out.split())
    for name in TITLES:
        assert name in said
    measured = Result(
        "smarthome_gestures", "hand-landmarks-clips", None, 0, 90.0, 80.0, 10, 10, 1.0
    )
    # A row that was measured takes the place of the stored one.
    lines = [line for line in tables([measured]) if "landmarks, trained" in line]
    assert "85.0" in lines[0] and not any("e241942" in line for line in lines)


def test_a_result_is_made_once(tmp_path: Path) -> None:
    result = Result("set", "one", None, 0, val=100.0, test=50.0, num_val=1, num_test=3, cpu_s=1.0)
    assert result.together == 62.5
    file = tmp_path / "set" / "one-all-0.json"
    kept = once(file, lambda: result)
    assert kept.commit and once(file, lambda: pytest.fail("made again")) == kept


@pytest.mark.parametrize("flags", [[], ["--data-root", ".", "--cache", ".", "--peer-landmarks"]])
def test_missing_flags_are_named(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(flags)
    assert ended.value.code == 2 and "needs" in capsys.readouterr().err.replace("needed", "needs")
