"""`demo.py` as typed, on real small videos."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from action_recognition.checkpoint import TrainedModel
from action_recognition.commands.demo import main
from action_recognition.deploy.backends import load_backend
from action_recognition.errors import UserError, user_error
from action_recognition.export.export_model import ExportOptions, export_model
from action_recognition.live.demo import DemoOptions, run_demo
from action_recognition.live.demo_options import check_options
from action_recognition.live.frame_times import TimedFrame
from action_recognition.live.outputs import window
from action_recognition.live.regions import Box
from action_recognition.live.sources.frame_sources import VideoFile
from tests.commands.test_predict import FakeWindow
from tests.conftest import REPOSITORY
from tests.made_photos import METADATA, LeftOrRight, write_photo_model
from tests.synthetic import numbered_frames, write_video
from tests.tiny_export import LABELS, tiny_trained
from tests.warm import warm_python


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    tiny: TrainedModel = tiny_trained()
    export_model(tiny, folder, ExportOptions(check_clips=1), say=lambda _: None)
    return folder / "model.xml"


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "my clip.mp4", numbered_frames(31), 30)


def quiet(_: str) -> None:
    pass


def test_video_csv_and_summary(
    model: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, table = tmp_path / "out" / "out.mp4", tmp_path / "out" / "out.csv"
    flags = [
        "--model",
        str(model),
        "--input",
        str(video),
        "--output",
        str(output),
        "--csv",
        str(table),
        "--no-show",
        "--stride",
        "2",
        "--threads",
        "1",
    ]
    assert main(tmp_path, flags) == 0
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # 16 model frames; windows of 4 end at model frames 3, 5, 7, ... of 15 per second
    assert [row["time_s"] for row in rows] == [f"{i / 15:.3f}" for i in range(3, 16, 2)]
    assert {row["label"] for row in rows} <= set(LABELS)
    with av.open(str(output)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and float(stream.average_rate) == pytest.approx(
            30
        )
        frames = list(container.decode(stream))
    assert len(frames) == 31
    said = capsys.readouterr().out
    assert (
        "31 frames, 7 windows" in said
        and "ms per inference (median)" in said
        and "frames/s" in said
        and "1 thread" in said
    )


def test_csv_scores_are_the_models(model: Path, video: Path, tmp_path: Path) -> None:
    table = tmp_path / "out.csv"
    run_demo(
        DemoOptions(model.with_suffix(".onnx"), str(video), csv=table, show=False, stride=100),
        say=quiet,
    )
    with table.open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    backend = load_backend(model.with_suffix(".onnx"))
    from action_recognition.data.transforms import centre_crop_clip
    from action_recognition.data.video import read_frames

    scores = backend.scores(
        centre_crop_clip(read_frames(video, [0, 2, 4, 6]), 36, 32).transpose(3, 0, 1, 2)[None]
    )[0]
    assert row["label"] == LABELS[int(scores.argmax())] and float(row["score"]) == pytest.approx(
        float(scores.max()), abs=1e-6
    )
    assert float(row["score_2"]) == pytest.approx(float(np.sort(scores)[-2]), abs=1e-6)


def test_a_video_shorter_than_the_window_gives_one_prediction(model: Path, tmp_path: Path) -> None:
    path = write_video(tmp_path / "short.mp4", numbered_frames(3), 30)
    assert run_demo(DemoOptions(model, str(path), show=False), say=quiet).num_windows == 1


def test_ctrl_c_keeps_what_was_recognised(
    model: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames_of_file = VideoFile.frames

    def interrupted(source: VideoFile) -> Iterator[TimedFrame]:
        for i, frame in enumerate(frames_of_file(source)):
            if i == 20:
                raise KeyboardInterrupt
            yield frame

    monkeypatch.setattr(VideoFile, "frames", interrupted)
    output, table = tmp_path / "out.mp4", tmp_path / "out.csv"
    run_demo(DemoOptions(model, str(video), output, table, show=False), say=quiet)
    with av.open(str(output)) as container:
        assert len(list(container.decode(video=0))) == 20
    assert len(table.read_text(encoding="utf-8").splitlines()) > 1


def test_a_source_that_breaks_ends_alone_and_what_was_recorded_is_kept(
    model: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames_of_file = VideoFile.frames

    def broken(source: VideoFile) -> Iterator[TimedFrame]:
        if source.name == str(video):
            yield from frames_of_file(source)
            return
        yield TimedFrame(0.0, np.zeros((48, 64, 3), np.uint8))
        raise user_error(source.name, "is damaged")

    other = write_video(tmp_path / "other.mp4", numbered_frames(3), 30)
    monkeypatch.setattr(VideoFile, "frames", broken)
    output, table = tmp_path / "out.mp4", tmp_path / "out.csv"
    said: list[str] = []
    with pytest.raises(UserError, match="is damaged"):
        run_demo(DemoOptions(model, str(other), output, show=False), say=quiet)
    assert _num_frames(output) == 1

    both = DemoOptions(model, str(other), csv=table, more_sources=(str(video),), show=False)
    with pytest.raises(UserError, match="is damaged"):
        run_demo(both, say=said.append)
    assert "32 frames" in said[-1] and len(table.read_text().splitlines()) > 2
    assert not list(tmp_path.glob(".*"))


def test_a_run_without_a_frame_leaves_old_outputs(
    model: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VideoFile, "frames", lambda _: iter(()))
    output = tmp_path / "out.mp4"
    output.write_text("old")
    with pytest.raises(UserError, match="gave no frame"):
        run_demo(DemoOptions(model, str(video), output, show=False), say=quiet)
    assert output.read_text() == "old" and not list(tmp_path.glob(".*"))


def _num_frames(path: Path) -> int:
    with av.open(str(path)) as container:
        return len(list(container.decode(video=0)))


def test_a_window_is_shown_until_q(
    model: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWindow(monkeypatch, "..q")
    assert run_demo(DemoOptions(model, str(video)), say=quiet).num_frames == 3
    assert len(fake.shown) == 3


@pytest.mark.parametrize("keys", ["..X", ". .X"])
def test_a_click_on_the_x_ends_the_run_also_in_a_pause(
    model: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    fake, table = FakeWindow(monkeypatch, keys), tmp_path / "out.csv"
    summary = run_demo(DemoOptions(model, str(video), csv=table), say=quiet)
    assert summary.num_frames == len(fake.shown) < 4 and table.exists()


def test_a_click_on_the_x_of_one_of_two_windows_ends_the_run(
    model: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWindow(monkeypatch, "...X")
    summary = run_demo(DemoOptions(model, str(video), more_sources=(str(video),)), say=quiet)
    assert summary.num_frames == 4 and len(set(fake.titles)) == 2 and len(fake.titles) == 4


def test_a_click_on_the_x_counts_also_when_the_source_has_ended(
    model: Path, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first source has one frame; its window is closed while the second one runs on."""
    short = write_video(tmp_path / "short.mp4", numbered_frames(1), 30)
    fake = FakeWindow(monkeypatch, "")
    waits = iter(range(1000))

    def close_the_first_window(_: int) -> int:
        if next(waits) == 8:
            fake.close(fake.titles[0])
        return -1

    monkeypatch.setattr(window.cv2, "waitKey", close_the_first_window)
    summary = run_demo(DemoOptions(model, str(short), more_sources=(str(video),)), say=quiet)
    assert 3 < summary.num_frames < 10


def test_an_opencv_without_windows_names_the_flag(
    model: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> None:
        raise window.cv2.error("The function is not implemented")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(window.cv2, "namedWindow", unsupported)
    monkeypatch.setattr(window.cv2, "imshow", unsupported)
    monkeypatch.setattr(window.cv2, "destroyAllWindows", unsupported)
    with pytest.raises(UserError, match="--no-show"):
        run_demo(DemoOptions(model, str(video)), say=quiet)


def test_without_a_display_the_flag_is_named(
    model: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(window.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(UserError, match="--no-show"):
        run_demo(DemoOptions(model, str(video)), say=quiet)


def test_the_input_is_never_overwritten(model: Path, video: Path) -> None:
    content = video.read_bytes()
    with pytest.raises(UserError, match="is the input"):
        run_demo(
            DemoOptions(model, str(video), output=video.parent / "." / video.name, show=False),
            say=quiet,
        )
    assert video.read_bytes() == content


def test_bad_input_ends_in_one_message(model: Path, tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from action_recognition.commands.demo import main; "
        "from action_recognition.errors import run_command; run_command(lambda: main(Path('.')))"
    )
    for source, expected in (
        (tmp_path / "missing.mp4", "there is no such video"),
        (tmp_path, "holds no frames"),
    ):
        result = subprocess.run(
            [
                warm_python(),
                "-c",
                program,
                "--model",
                str(model),
                "--input",
                str(source),
                "--no-show",
            ],
            cwd=REPOSITORY,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 2 and "Traceback" not in result.stderr
        assert expected in result.stderr and len(result.stderr.splitlines()) == 1


def test_events_go_to_standard_output(
    model: Path, video: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(
        '{"onset": 0.01, "release": 0.001, "smoothing_s": 0, "refractory_s": 0}'
    )  # whatever is best is an event
    flags = [
        "--model",
        str(model),
        "--input",
        str(video),
        "--no-show",
        "--threads",
        "1",
        "--stride",
        "1",
        "--decision",
        str(rules),
    ]
    assert main(tmp_path, [*flags, "--events", "-"]) == 0
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    assert lines and all(line["type"] == "gesture" and line["label"] in LABELS for line in lines)
    assert "31 frames" in captured.err and "keeps no state" in captured.err
    assert (
        main(
            tmp_path,
            [
                *flags,
                "--events",
                str(tmp_path / "new" / "events.jsonl"),
                "--realtime",
                "--box",
                "0,0,0.5,1",
            ],
        )
        == 0
    )
    written = (tmp_path / "new" / "events.jsonl").read_text(encoding="utf-8").splitlines()
    assert written and "events.jsonl" in capsys.readouterr().out

    kept = tmp_path / "kept"
    assert main(tmp_path, [*flags, "--keep-events", str(kept)]) == 0
    films = list(kept.rglob("*.mp4"))
    # What no name of a folder may hold is replaced.
    assert len(films) == len(lines) and {film.parent.name for film in films} <= {
        re.sub('["<>]', "_", label) for label in LABELS
    }
    assert re.search(rf"wrote {len(films)} films? of events into {kept}\n", capsys.readouterr().out)


def test_a_reader_that_goes_and_a_signal_lose_nothing(
    model: Path, video: Path, tmp_path: Path
) -> None:
    """As in `demo.py --events - | head -1`, ended by the system later."""
    (tmp_path / "rules.json").write_text(
        '{"onset": 0.01, "release": 0.001, "smoothing_s": 0, "refractory_s": 0}'
    )
    film = write_video(tmp_path / "long.mp4", numbered_frames(900), 30)
    output, table = tmp_path / "out.mp4", tmp_path / "out.csv"
    flags = ["--model", model, "--input", film, "--no-show", "--threads", "1", "--stride", "1"]
    flags += ["--realtime", "--decision", tmp_path / "rules.json", "--events", "-"]
    flags += ["--output", output, "--csv", table]
    with subprocess.Popen(
        [warm_python(), REPOSITORY / "tools" / "workdir" / "demo.py", *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"},
    ) as run:
        assert run.stdout is not None and run.stderr is not None
        assert json.loads(run.stdout.readline())["type"] == "gesture"
        run.stdout.close()
        said = ""
        for line in iter(run.stderr.readline, ""):
            said += line
            if "its reader has gone" in line:
                run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 143
    assert "Traceback" not in said and said.endswith("error: terminated\n")
    assert 0 < _num_frames(output) < 900 and len(table.read_text().splitlines()) > 1
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"csv": "x.mp4", "output": "x.mp4"}, "--csv: .* is the place of --output too"),
        ({"csv": "x.csv", "events": "./x.csv"}, "--events: .* is the place of --csv too"),
        ({"csv": "m.xml"}, "--csv: .* is the model"),
        ({"events": "m.bin"}, "--events: .* is a part of the model"),
        ({"csv": "link.csv"}, "--csv: .* is the model"),
        ({"csv": "rules.json"}, "--csv: .* is the file of --decision"),
        ({"output": "clip.mp4"}, "--output: .* is the input"),
        ({"csv": "frames/img_00001.png"}, "--csv: .* is the input"),
        ({"csv": "frames"}, "--csv: .* is a folder"),
        ({"serve": 99999}, "--serve: found 99999; allowed: a port of 0 to 65535"),
        (
            {"events": "kept/films.jsonl", "keep_events": "kept"},
            "--keep-events: .* is the place of --events too",
        ),
        ({"csv": "kept", "keep_events": "kept"}, "--csv: kept is a folder"),
        ({"hand_events": True}, "--hand-events: goes to --events or --serve"),
    ],
)
def test_outputs_never_replace_what_is_read(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    outputs: dict[str, str | int],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    for name in ("m.xml", "m.bin", "rules.json", "clip.mp4", "frames/img_00001.png"):
        (tmp_path / name).write_text("kept")
    (tmp_path / "link.csv").hardlink_to(tmp_path / "m.xml")
    places = {
        name: Path(value) if name in ("csv", "output", "keep_events") else value
        for name, value in outputs.items()
    }
    options = DemoOptions(
        Path("m.xml"),
        "clip.mp4",
        show=False,
        more_sources=() if "output" in outputs else ("frames",),
        decision=Path("rules.json"),
        **places,  # type: ignore[arg-type]
    )
    with pytest.raises(UserError, match=expected):
        run_demo(options, say=quiet)
    assert (tmp_path / "m.xml").read_text() == (tmp_path / "clip.mp4").read_text() == "kept"


def test_a_folder_of_a_model_may_hold_results(tmp_path: Path) -> None:
    (tmp_path / "out.csv").write_text("of the run before")
    check_options(DemoOptions(tmp_path, "0", csv=tmp_path / "out.csv"))


def test_a_model_of_pictures_follows_no_hands(model: Path, video: Path) -> None:
    options = DemoOptions(model, str(video), show=False, events="-", hand_events=True)
    with pytest.raises(UserError, match="--hand-events: the model takes pictures"):
        run_demo(options, say=quiet)


def test_several_inputs_have_a_state_each(model: Path, video: Path, tmp_path: Path) -> None:
    said: list[str] = []
    other = write_video(tmp_path / "other.mp4", numbered_frames(16), 30)
    summary = run_demo(
        DemoOptions(model, str(video), more_sources=(str(other),), show=False, stride=2),
        say=said.append,
    )
    assert summary.num_frames == 47 and summary.num_windows == 7 + 3
    with pytest.raises(UserError, match="there are 2 inputs"):
        run_demo(
            DemoOptions(
                model, str(video), tmp_path / "out.mp4", more_sources=(str(other),), show=False
            ),
            say=quiet,
        )


def test_hands_are_followed_by_a_real_detector(
    model: Path, video: Path, tmp_path: Path, real_data: Path
) -> None:
    detector = real_data / "models" / "hand_detector.onnx"
    summary = run_demo(
        DemoOptions(
            model, str(video), tmp_path / "out.mp4", detector=detector, show=False, num_threads=1
        ),
        say=quiet,
    )
    assert summary.num_frames == 31 and summary.num_windows == 0  # numbers are no hands


def test_a_model_of_hands_wants_hands(video: Path, tmp_path: Path) -> None:
    spec = replace(METADATA, crop="hand")
    model = write_photo_model(tmp_path, spec, LeftOrRight()) / "model.xml"
    with pytest.raises(
        UserError, match=r"--detector: is missing: the model was trained on hands.*--box"
    ):
        run_demo(DemoOptions(model, str(video), show=False), say=quiet)
    assert (
        run_demo(
            DemoOptions(model, str(video), show=False, box=Box(0, 0, 1, 1)), say=quiet
        ).num_windows
        > 5
    )


def test_what_contradicts_itself_is_refused(model: Path, video: Path, tmp_path: Path) -> None:
    (tmp_path / "commands.json").write_text('{"wave": ["true"]}')
    for options, expected in (
        ({"mirror": True}, "label_swaps is empty"),
        ({"commands": tmp_path / "commands.json"}, "is not a label of the model"),
        ({"detector": tmp_path / "gone.onnx"}, "there is no such file"),
        ({"events": str(video)}, "--events: .* is the input"),
        ({"serve": 1}, "--serve: cannot listen|--serve: port"),
    ):
        if "serve" in options and os.geteuid() == 0:
            continue  # root may listen on any port
        with pytest.raises(UserError, match=expected):
            run_demo(DemoOptions(model, str(video), show=False, **options), say=quiet)


@pytest.mark.parametrize("flag", ["--stride", "--threads"])
def test_counts_below_one_are_refused(model: Path, flag: str, tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as error:
        main(tmp_path, ["--model", str(model), "--input", "0", flag, "0"])
    assert error.value.code == 2
