"""Steps are run once, a failure tells its reason, and a second run goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from action_recognition.building.commands import Command
from action_recognition.building.folder import open_folder
from action_recognition.building.running import Runner, Step, _Clock, _StepClock
from action_recognition.errors import UserError


def command(folder: Path, name: str, program: str, problems_allowed: bool = False) -> Command:
    script = folder / name
    script.write_text(program, encoding="utf-8")
    return Command(script, (), folder, problems_allowed)


def runner(folder: Path, fingerprint: str = "a") -> Runner:
    (folder / "source").mkdir(exist_ok=True)
    places, record = open_folder(folder / "out", folder / "source")
    places.root.mkdir(exist_ok=True)
    return Runner(places, record, fingerprint)


COUNT = "from pathlib import Path\nwith Path('count.txt').open('a') as f: f.write('x')\n"


def test_a_second_run_does_nothing_twice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    steps = [Step("count", (command(tmp_path, "count.py", COUNT),), 1.0)]
    runner(tmp_path).run(steps, 1)
    assert "[1/1] count: about" in capsys.readouterr().out
    runner(tmp_path).run(steps, 1)
    assert "done before" in capsys.readouterr().out
    assert (tmp_path / "count.txt").read_text() == "x"

    # Other clips are other work.
    runner(tmp_path, "b").run(steps, 1)
    assert (tmp_path / "count.txt").read_text() == "xx"


def test_what_follows_changed_work_is_done_again(tmp_path: Path) -> None:
    later = Step("later", (command(tmp_path, "count.py", COUNT),), 1.0)
    for program in ("pass", "print('changed')"):
        first = Command(command(tmp_path, "first.py", program).script, (program,), tmp_path)
        runner(tmp_path).run([Step("first", (first,), 1.0), later], 2)
    assert (tmp_path / "count.txt").read_text() == "xx"


def test_a_training_of_other_clips_does_not_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    (outputs / "latest.pth").write_text("of another build")
    fails_once = (
        "from pathlib import Path\n"
        "found = Path('outputs/latest.pth').is_file()\n"
        "Path('seen.txt').open('a').write('r' if found else 'f')\n"
        "Path('outputs').mkdir(exist_ok=True)\n"
        "Path('outputs/latest.pth').write_text('own')\n"
        "raise SystemExit(0 if found else 2)\n"
    )
    step = Step("train", (command(tmp_path, "train.py", fails_once),), 1.0, resumes_in=outputs)

    # What was there is kept elsewhere. A run that stopped goes on from its own checkpoint.
    with pytest.raises(UserError, match="exit code 2"):
        runner(tmp_path).run([step], 1)
    assert "is now" in capsys.readouterr().out
    assert (tmp_path / "outputs_before_1" / "latest.pth").read_text() == "of another build"
    runner(tmp_path).run([step], 1)
    assert "is now" not in capsys.readouterr().out

    # New clips begin anew.
    with pytest.raises(UserError, match="exit code 2"):
        runner(tmp_path, "b").run([step], 1)
    assert (tmp_path / "seen.txt").read_text() == "frf"
    assert (tmp_path / "outputs_before_2" / "latest.pth").read_text() == "own"

    # The first clips again are no longer done: their checkpoints are away.
    with pytest.raises(UserError, match="exit code 2"):
        runner(tmp_path).run([step], 1)


def test_progress_of_folds_never_falls() -> None:
    clock, shares = _StepClock(1.0, 0.0, _Clock()), []
    for fold, total in ((1, 2), (2, 2), (3, 3)):
        for line in (f"fold {fold} of {total}: clips", "epoch 1/2", "epoch 2/2"):
            clock.see(line)
            shares.append(clock._share())
    assert shares == sorted(shares) and shares[-1] == 1.0


def test_progress_of_runs_at_the_same_time_never_falls() -> None:
    clock, shares = _StepClock(1.0, 0.0, _Clock()), []
    for fold in (1, 2):
        clock.see(f"fold {fold} of 2: 3 validation clips of anna")
    for line in (
        "fold 1: epoch 1/2: loss 1",
        "fold 2: epoch 1/2: loss 1",
        "fold 2: epoch 2/2: loss 1",
        "fold 1: epoch 2/2: loss 1",
        "all clips: epoch 1/2: loss 1",
        "all clips: trained",
    ):
        clock.see(line)
        shares.append(clock._share())
    assert shares == pytest.approx([number / 6 for number in range(1, 7)])


def test_a_failure_tells_the_reason_and_the_log(tmp_path: Path) -> None:
    program = "import sys\nprint('some work')\nprint('error: the disk is full', file=sys.stderr)\n"
    failing = command(tmp_path, "fail.py", f"{program}sys.exit(2)\n")
    with pytest.raises(UserError, match=r"fail.py: failed with exit code 2:\s+the disk is full"):
        runner(tmp_path).run([Step("work", (failing,), 1.0)], 1)
    assert "some work" in (tmp_path / "out" / "logs" / "1_work.txt").read_text()

    # The step was not noted as done.
    (tmp_path / "fail.py").write_text(COUNT)
    runner(tmp_path).run([Step("work", (failing,), 1.0)], 1)
    assert (tmp_path / "count.txt").read_text() == "x"


def test_a_check_may_find_problems(tmp_path: Path) -> None:
    found = command(tmp_path, "check.py", "raise SystemExit(1)\n", problems_allowed=True)
    runner(tmp_path).run([Step("check", (found,), 1.0)], 1)
    with pytest.raises(UserError, match="exit code 1"):
        runner(tmp_path, "b").run(
            [Step("check", (command(tmp_path, "x.py", "raise SystemExit(1)"),), 1.0)], 1
        )


def test_folders_of_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("")
    with pytest.raises(UserError, match=r"did not make: thesis.txt"):
        open_folder(tmp_path / "mine", tmp_path / "clips")
    with pytest.raises(UserError, match="lies within the clips"):
        open_folder(tmp_path / "mine" / "model", tmp_path / "mine")
    (tmp_path / "mine" / "build.json").write_text("[]")
    with pytest.raises(UserError, match="is no record of this command"):
        open_folder(tmp_path / "mine", tmp_path / "clips")
