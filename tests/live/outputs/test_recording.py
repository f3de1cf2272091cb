"""Drawing, the annotated video and the CSV."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from action_recognition.deploy.metadata import DeployMetadata, example
from action_recognition.deploy.scores import WindowScores
from action_recognition.errors import UserError
from action_recognition.live.outputs.drawing import draw_prediction
from action_recognition.live.outputs.prediction_table import PredictionTable
from action_recognition.live.outputs.recording import VideoRecorder

LABELS = ("Daumen hoch", "größer 你好", "no_gesture", "stop")


def metadata(score_scale: float = 10.0) -> DeployMetadata:
    return replace(example(), labels=LABELS, negative_label=None, score_scale=score_scale)


def prediction(*scores: float, time_s: float = 0.0) -> WindowScores:
    return WindowScores(time_s, np.array(scores, np.float32), 1.0)


def bar_lengths(drawn: np.ndarray) -> list[int]:
    """Width of the coloured part of each bar, from above."""
    coloured = (drawn == (255, 176, 0)).all(-1)
    rows = coloured.any(1)
    starts = np.flatnonzero(rows & ~np.roll(rows, 1))
    return [int(coloured[start].sum()) for start in starts]


def test_bars_are_as_long_as_the_probabilities() -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    lengths = bar_lengths(
        draw_prediction(picture, prediction(0.2, 0.9, 0.6, 0.55), metadata(), 1.0)
    )
    chances = np.exp([9.0, 6.0, 5.5]) / np.exp([2.0, 9.0, 6.0, 5.5]).sum()
    full = round(0.2 * 640)
    np.testing.assert_allclose(lengths, chances * full + 1, atol=1.5)


def test_the_picture_itself_is_not_changed_and_the_upper_part_stays() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    kept = picture.copy()
    drawn = draw_prediction(picture, prediction(0.1, 0.2, 0.3, 0.4), metadata(), 1.0)
    np.testing.assert_array_equal(picture, kept)
    np.testing.assert_array_equal(drawn[40:300], picture[40:300])
    assert (drawn[300:] != picture[300:]).any()


def test_text_shows_label_and_time() -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    base = draw_prediction(picture, prediction(0.9, 0.2, 0.3, 0.4), metadata(), 1.0)
    other_label = draw_prediction(picture, prediction(0.2, 0.9, 0.3, 0.4), metadata(), 1.0)
    other_time = draw_prediction(picture, prediction(0.9, 0.2, 0.3, 0.4), metadata(), 2.0)
    without = draw_prediction(picture, None, metadata(), 1.0)
    assert (base[:, :320] != other_label[:, :320]).any()
    assert (base[:40] != other_time[:40]).any() and (base[40:] == other_time[40:]).all()
    assert bar_lengths(without) == []


def test_labels_of_any_script_are_drawn_apart() -> None:
    picture = np.full((480, 640, 3), 90, np.uint8)
    drawn = [
        draw_prediction(picture, prediction(1.0), replace(metadata(), labels=(label,)), 0.0)
        for label in ("你好", "再见", "größe", "grösse")
    ]
    assert all((one != other).any() for i, one in enumerate(drawn) for other in drawn[:i])


@pytest.mark.parametrize(
    ("size", "enlarged"),
    [
        ((100, 176), (300, 528)),
        ((240, 320), (240, 320)),
        ((9, 9), (243, 243)),
        ((720, 405), (720, 405)),
    ],
)
def test_small_pictures_are_enlarged(size: tuple[int, int], enlarged: tuple[int, int]) -> None:
    assert draw_prediction(
        np.zeros((*size, 3), np.uint8), prediction(0.1, 0.2, 0.3, 0.4), metadata(), 0.0
    ).shape == (*enlarged, 3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_video_is_h264_with_the_pictures_at_their_times(tmp_path: Path, suffix: str) -> None:
    times = [0.0, 0.04, 0.08, 0.2, 0.24]
    recorder = VideoRecorder(tmp_path / f"new folder/out{suffix}", 25.0)
    for i, time_s in enumerate(times):
        recorder.write(np.full((49, 65, 3), (40 * i, 200 - 40 * i, 90), np.uint8), time_s)
    assert not recorder.path.exists()  # it takes its place when it is whole
    recorder.close()
    with av.open(str(recorder.path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (64, 48)
        frames = list(container.decode(stream))
        np.testing.assert_allclose(
            [float(frame.pts * stream.time_base) for frame in frames], times, atol=2e-3
        )
        for i, frame in enumerate(frames):
            np.testing.assert_allclose(
                frame.to_ndarray(format="rgb24").mean((0, 1)), (40 * i, 200 - 40 * i, 90), atol=8
            )
    assert [item.name for item in recorder.path.parent.iterdir()] == [recorder.path.name]


def test_time_that_stands_still_still_gives_every_picture(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "out.mp4", 25.0)
    for time_s in (0.0, 0.0, 1.0, 0.5):
        recorder.write(np.zeros((32, 32, 3), np.uint8), time_s)
    recorder.close()
    with av.open(str(recorder.path)) as container:
        assert len(list(container.decode(video=0))) == 4


def test_an_abandoned_recording_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_text("old")
    recorder = VideoRecorder(tmp_path / "out.mp4", 25.0)
    recorder.write(np.zeros((32, 32, 3), np.uint8), 0.0)
    recorder.discard()
    assert {item.name: item.read_text() for item in tmp_path.iterdir()} == {"out.mp4": "old"}


def test_pictures_of_another_size_are_fitted_into_the_first(tmp_path: Path) -> None:
    recorder = VideoRecorder(tmp_path / "out.mp4", 25.0)
    for i, size in enumerate([(32, 48), (64, 48), (32, 48)]):
        recorder.write(np.full((*size, 3), 200, np.uint8), i / 25)
    recorder.close()
    with av.open(str(tmp_path / "out.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert [frame.shape for frame in frames] == [(32, 48, 3)] * 3
    assert frames[1][:, :8].max() < 60 and frames[1][:, 16:32].min() > 150 and frames[2].min() > 150


def test_other_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"\.mp4, \.mkv, \.mov"):
        VideoRecorder(tmp_path / "out.gif", 25.0)


def test_csv_lists_windows_with_the_best_three(tmp_path: Path) -> None:
    table = PredictionTable(
        tmp_path / "new/out.csv", replace(metadata(), labels=("a,b", *LABELS[1:]))
    )
    table.add(prediction(0.5, 0.25, -0.125, 0.3, time_s=1.0 / 3))
    table.add(prediction(-0.5, 0.25, 0.75, 0.3, time_s=2.0))
    assert not (tmp_path / "new/out.csv").exists()  # it takes its place when it is whole
    table.close()
    with (tmp_path / "new/out.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["time_s", "label", "score", "label_2", "score_2", "label_3", "score_3"]
    assert rows[0] == {
        "time_s": "0.333",
        "label": "a,b",
        "score": "0.500000",
        "label_2": "stop",
        "score_2": "0.300000",
        "label_3": "größer 你好",
        "score_3": "0.250000",
    }
    assert rows[1]["label"] == "no_gesture"


def test_csv_of_a_model_with_two_labels_has_two_ranks(tmp_path: Path) -> None:
    table = PredictionTable(tmp_path / "out.csv", example())
    table.add(prediction(0.5, 0.25))
    table.close()
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "time_s,label,score,label_2,score_2",
        "0.000,Thumb up,0.500000,No gesture,0.250000",
    ]


@pytest.mark.parametrize("name", ["12:30:45.mp4", "%03d.mp4", "http:x.mkv"])
def test_a_recording_may_have_any_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FFmpeg takes none of them for an address or a pattern."""
    monkeypatch.chdir(tmp_path)
    recorder = VideoRecorder(Path(name), 30.0)
    recorder.write(np.full((48, 64, 3), 90, np.uint8), 0.0)
    recorder.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
