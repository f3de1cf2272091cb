"""tools/quickstart.py: what it refuses, how it judges a stream, and a small run as a whole."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import av
import pytest

from action_recognition.dataset_tools.drawn_hands import LABEL_SWAPS, MOTIONS, NEGATIVE_MOTION
from action_recognition.errors import UserError
from action_recognition.template import load_template_dir
from tests.warm import warm_python


def _environment(repository: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{repository}{os.pathsep}{repository / 'tools'}"}


def _quickstart(repository: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [warm_python(), str(repository / "tools" / "quickstart.py"), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=_environment(repository), timeout=900
    )


@pytest.fixture
def tool(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(repository / "tools"))
    import quickstart

    return quickstart


@pytest.fixture
def report(repository: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(repository / "tools"))
    import quickstart_report

    return quickstart_report


def test_template_knows_the_drawn_motions(tool: ModuleType) -> None:
    template, _ = load_template_dir(tool.TEMPLATE_DIR)
    assert tuple(template.labels) == MOTIONS
    assert template.negative_label == NEGATIVE_MOTION
    assert template.training.augmentation.flip.label_swaps == LABEL_SWAPS
    assert template.name == tool.TEMPLATE_DIR.name


def test_help_is_quick_and_imports_nothing_heavy(repository: Path) -> None:
    command = [
        sys.executable,
        "-X",
        "importtime",
        str(repository / "tools" / "quickstart.py"),
        "--help",
    ]
    start = time.monotonic()
    done = subprocess.run(
        command, capture_output=True, text=True, env=_environment(repository), timeout=60
    )
    assert done.returncode == 0 and "--quick" in done.stdout
    assert (
        time.monotonic() - start < 3
    )  # an unloaded machine takes 0.2 s, importing torch alone more than 2 s
    imported = {line.split("|")[-1].strip() for line in done.stderr.splitlines()}
    assert "action_recognition.errors" in imported
    assert not imported & {"torch", "cv2", "numpy", "av", "rich"}


def test_a_folder_with_someones_files_is_refused_and_left_alone(
    repository: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    done = _quickstart(repository, "--quick", "--work-dir", tmp_path)
    assert done.returncode == 2
    assert (
        "thesis.txt" in done.stderr
        and "name a new folder" in done.stderr
        and "Traceback" not in done.stderr
    )
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_file_as_work_dir_and_a_wrong_seed_are_named(repository: Path, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert "is a file" in _quickstart(repository, "--work-dir", file).stderr
    done = _quickstart(repository, "--work-dir", tmp_path / "new", "--seed", -1)
    assert done.returncode == 2 and "--seed: -1; allowed: 0 to 9999" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_of_an_earlier_run_is_used_again_and_git_does_not_see_it(
    tool: ModuleType, tmp_path: Path
) -> None:
    folder = tool.open_folder(tmp_path / "run")
    (folder / "more.txt").write_text("kept")
    assert tool.open_folder(tmp_path / "run") == folder
    assert (folder / "more.txt").read_text() == "kept"
    assert (folder / ".gitignore").read_text() == "*\n"
    (folder / tool.MARKER_FILE).unlink()
    with pytest.raises(UserError, match=r"more\.txt"):
        tool.open_folder(folder)


def test_a_failing_step_ends_the_run_with_1(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = tmp_path / "fails.py"
    script.write_text("import sys; sys.exit(3)")
    reached = []
    monkeypatch.setattr(
        tool,
        "STEPS",
        (
            ("first", lambda run: tool.execute([script])),
            ("second", lambda run: reached.append(run)),
        ),
    )
    assert tool.run_quickstart(tmp_path / "run", tool.QUICK, 0) == 1
    assert "the step 'first' failed (exit code 3)" in capsys.readouterr().err
    assert not reached


def test_ctrl_c_lets_a_step_save_its_work(repository: Path, tmp_path: Path) -> None:
    script = tmp_path / "step.py"
    script.write_text(
        "import pathlib, sys, time\n"
        "try:\n    print('ready', flush=True); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(1)\n"
        "    pathlib.Path(sys.argv[1]).write_text('saved')\n"
    )
    saved = tmp_path / "saved"
    step = f"quickstart.execute([{str(script)!r}, {str(saved)!r}])"
    code = f"import quickstart; quickstart.run_command(lambda: {step})"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_environment(repository),
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        while "ready" not in process.stdout.readline():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted" in errors and "Traceback" not in errors
    assert saved.read_text() == "saved"


def test_gestures_of_the_stream_are_counted_by_events(report: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "stream_events.jsonl"
    decided = [("shake", 0.6), ("shake", 0.9), ("swipe_left", 2.3), ("move_away", 9.0)]
    lines = [{"type": "gesture", "label": label, "time_s": time_s} for label, time_s in decided]
    lines.append({"type": "source_lost", "time_s": 10.0})
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    decisions = report.read_decisions(file)
    assert [(item.label, item.time_s) for item in decisions] == decided
    made = [
        report.Gesture("shake", 0.2, 0.9),
        report.Gesture("swipe_right", 2.0, 2.5),
        report.Gesture("move_closer", 5.0, 6.0),
    ]
    # The second event of one gesture counts as a false alarm, too.
    counted = report.judge_stream(made, decisions)
    assert counted == report.StreamCounts(made=3, seen=1, false_alarms=3)

    # The picture shows each gesture with its event: its own, another one, or none.
    panels = report.panels_of(made, decisions)
    assert [(panel.made, panel.shown_s, panel.recognised) for panel in panels] == [
        ("shake", 0.6, "shake"),
        ("swipe_right", 2.3, "swipe_left"),
        ("move_closer", 6.0, None),
    ]


@pytest.mark.slow
def test_a_small_run_goes_all_the_way_and_learns(
    repository: Path, tool: ModuleType, report: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "a run"
    done = _quickstart(repository, "--quick", "--work-dir", folder)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "top-1 on 60 held-out clips" in done.stdout and "[6/6] run over a stream" in done.stdout

    summary = json.loads((folder / "results" / "summary.json").read_text())
    assert tool.QUICK.least_top1_percent <= summary["top1_percent"] <= 100
    assert summary["stream"]["made"] == tool.QUICK.stream_gestures
    with av.open(str(report.annotated_video(folder / "results"))) as container:
        written = sum(1 for _ in container.decode(video=0))
    with av.open(str(folder / "clips" / "stream.mp4")) as container:
        assert written == sum(1 for _ in container.decode(video=0))
    for name in ("confusion_matrix.png", "test_clips.jpg", "metrics.yaml", "stream.gif"):
        assert (folder / "results" / name).stat().st_size > 500, name
    assert (folder / "results" / "stream.gif").stat().st_size < 300_000
    assert all(
        json.loads(line)["type"] == "gesture"
        for line in (folder / "results" / "stream_events.jsonl").read_text().splitlines()
    )
    assert (folder / "work_dir" / "outputs" / "train_record.json").is_file()

    strict = dataclasses.replace(tool.QUICK, least_top1_percent=100.1)
    assert tool.finish(tool.Run(folder.resolve(), strict, 0)) == 1
