"""`calibrate.py --personal` as typed, and the programs that take its file."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from action_recognition.commands.calibrate import main
from action_recognition.deploy import Predictor
from action_recognition.deploy.calibration.personal import read_personal
from action_recognition.errors import UserError
from action_recognition.live import run_folder
from action_recognition.live.demo import DemoOptions, run_demo
from tests.conftest import REPOSITORY
from tests.made_photos import LeftOrRight, write_photo_model
from tests.synthetic import write_video
from tests.warm import warm_python

RATE_FPS = 10.0
CALIBRATE = REPOSITORY / "tools" / "workdir" / "calibrate.py"


def film(path: Path, differences: Sequence[float]) -> Path:
    """A film whose left half is so much brighter than the right one. The probability of `fist` is
    1 / (1 + exp(-difference / 10)), that of `flat hand` the rest.
    """
    frames = np.full((len(differences), 64, 64, 3), 100, np.uint8)
    for frame, difference in zip(frames, differences, strict=True):
        frame[:, :32] += np.uint8(max(difference, 0))
        frame[:, 32:] += np.uint8(max(-difference, 0))
    return write_video(path, frames, RATE_FPS, options={"crf": "1"})


def gesture(height: float) -> list[float]:
    return [0.0] * 5 + [height] * 10 + [0.0] * 5


def sums(folder: Path) -> dict[str, str]:
    return {
        item.name: hashlib.sha256(item.read_bytes()).hexdigest()
        for item in sorted(folder.iterdir())
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported model, a film of other things in which one second looks like a fist, and three
    examples of each gesture: clear fists, and faint flat hands.
    """
    root = tmp_path_factory.mktemp("personal")
    write_photo_model(root / "export", network=LeftOrRight())
    film(root / "others.mp4", [1.0] * 100 + [16.0] * 10 + [1.0] * 200)
    for number in range(3):
        film(root / "mine" / "fist" / f"{number}.mp4", gesture(30.0 + number))
        film(root / "mine" / "flat hand" / f"{number}.mp4", gesture(-3.0))
    return root


@pytest.fixture(scope="module")
def tuned(made: Path) -> str:
    """What the command prints. Its file is beside the model."""
    before = sums(made / "export")
    flags = ["--others", "others.mp4", "--examples", "mine", "--personal"]
    done = subprocess.run(
        [warm_python(), str(CALIBRATE), "--load-weights", "export/model.xml", *flags],
        cwd=made,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    after = sums(made / "export")
    assert after.pop("personal.json") and after == before
    return done.stdout


def events(made: Path, source: Path, personal: Path | None, output: Path) -> list[str]:
    options = DemoOptions(
        made / "export" / "model.xml",
        str(source),
        show=False,
        events=str(output),
        personal=personal,
    )
    said: list[str] = []
    run_demo(options, said.append)
    assert any("thresholds for one person" in line for line in said) == bool(personal)
    return [json.loads(line)["label"] for line in output.read_text().splitlines()]


def test_personal_thresholds_are_used_live(made: Path, tuned: str, tmp_path: Path) -> None:
    assert "false alarms in 0.5 minutes of films: 1 -> 0" in tuned
    assert "recognised 0 -> 3 of 3 examples" in tuned and "recognised 3 -> 3 of 3" in tuned
    # The hand of other alphabets has no example.
    assert "0 examples  kept: no example" in tuned
    assert "example 1 of 6: fist/0.mp4" in tuned and "others.mp4: 30 of 31 s, 0 s to go" in tuned

    personal, output = made / "export" / "personal.json", tmp_path / "events.jsonl"
    faint = made / "mine" / "flat hand" / "0.mp4"
    assert events(made, made / "others.mp4", None, output) == ["fist"]
    assert events(made, made / "others.mp4", personal, output) == []
    assert events(made, faint, None, output) == []
    assert events(made, faint, personal, output) == ["flat hand"]

    content = json.loads(personal.read_text())
    assert content["made_from"]["examples"] == {"fist": 3, "flat hand": 3}
    assert content["made_from"]["negative_minutes"] == pytest.approx(0.515, abs=0.01)
    # The half in which it happens has it still, by the thresholds of the other half.
    low, high = content["made_from"]["false_alarms_per_hour_95"]
    assert content["made_from"]["false_alarms_held_out"] == 1 and 2 < low < 4 and high > 600


@pytest.mark.usefixtures("tuned")
def test_single_clips_and_the_folder_take_it(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, personal = made / "export" / "model.xml", made / "export" / "personal.json"
    clip = film(tmp_path / "clip.mp4", [16.0] * 10)
    assert Predictor.from_path(model).predict_file(clip).label == "fist"
    refused = Predictor.from_path(model, personal=personal).predict_file(clip)
    assert refused.label is None and refused.labels[0] == "fist"

    flags = ["--clip", str(clip), "--personal", str(personal)]
    assert run_folder.main(made / "export", flags) == 0
    printed = capsys.readouterr()
    assert json.loads(printed.out)["is_rejected"]
    assert "personal.json: thresholds for one person" in printed.err


@pytest.mark.usefixtures("tuned")
def test_file_of_another_model_or_damaged_is_refused(made: Path, tmp_path: Path) -> None:
    personal = made / "export" / "personal.json"
    labels = ("fist", "flat hand")
    shutil.copytree(made / "export", tmp_path / "export")
    model = tmp_path / "export" / "model.xml"
    weights = model.with_suffix(".bin")
    # The weights count as well as the network.
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(UserError, match="was fitted to another model than"):
        read_personal(personal, model, labels)

    content = json.loads(personal.read_text())
    damaged = tmp_path / "damaged.json"
    for change, message in (
        ({"thresholds": {"fits": 0.5}}, "thresholds.fits: .*did you mean 'fist'"),
        ({"thresholds": {"fist": 1.5}}, "thresholds.fist: found 1.5; allowed: 0 to 1"),
        ({"decision": []}, r"decision: found '\[\]'"),
        ({"format": 2}, "found format 2"),
    ):
        damaged.write_text(json.dumps(content | change))
        with pytest.raises(UserError, match=message):
            read_personal(damaged, made / "export" / "model.xml", labels)
    damaged.write_text(json.dumps(content)[:-40])
    with pytest.raises(UserError, match="is not valid JSON"):
        read_personal(damaged, made / "export" / "model.xml", labels)

    options = DemoOptions(made / "export" / "model.xml", str(made / "others.mp4"), show=False)
    damaged.write_text(json.dumps(content | {"decision": {"onsets": {"fist": 0.1}}}))
    with pytest.raises(UserError, match=r"damaged.json: decision: onsets.fist, release"):
        run_demo(DemoOptions(options.model, options.source, show=False, personal=damaged), print)
    both = DemoOptions(
        options.model, options.source, show=False, personal=personal, decision=damaged
    )
    with pytest.raises(UserError, match="--decision, --personal: both hold the rules"):
        run_demo(both, print)


def refused(made: Path, *flags: str) -> str:
    with pytest.raises(UserError) as error:
        main(made, ["--load-weights", str(made / "export" / "model.xml"), *flags])
    return str(error.value)


def test_input_that_cannot_be_used(made: Path, tmp_path: Path) -> None:
    others, mine = str(made / "others.mp4"), tmp_path / "mine"
    out = ("--personal", str(tmp_path / "out.json"))
    told = refused(made, *out)
    assert "--others: is missing" in told and "--examples: is missing" in told
    told = refused(made, "--others", others)
    assert "--others: belongs to --personal" in told and "add --personal" in told

    wrong = ("--examples", str(mine), "--others", str(tmp_path / "no.mp4"), *out)
    assert "no.mp4 is not there" in refused(made, *wrong)
    given = ("--examples", str(mine), "--others", others)
    assert "is not there; allowed: a folder with" in refused(made, *given, *out)

    # All folders and files at once.
    for name in ("fits", "no gesture"):
        film(mine / name / "a.mp4", gesture(9.0))
    (mine / "fist").mkdir()
    (mine / "fist" / "notes.txt").write_text("x")
    film(mine / "lonely.mp4", gesture(9.0))
    told = refused(made, *given, *out)
    for part in (
        "fits: is not a gesture of the model, did you mean 'fist'?",
        "no gesture: is the label of the model that means no gesture",
        "notes.txt: no video file by its name",
        "lonely.mp4: lies in no folder of a gesture",
    ):
        assert part in told

    right = ("--examples", str(made / "mine"))
    short = film(tmp_path / "short.mp4", [1.0] * 50)
    told = refused(made, *right, "--others", str(short), *out)
    assert "the films last 4.9 s together; allowed: 30 s or more" in told
    classes = tmp_path / "classes.json"
    classes.write_text("[]")
    told = refused(made, *right, "--others", others, "--personal", str(classes))
    assert "exists and is no personal tuning" in told and classes.read_text() == "[]"

    # Too long for one gesture. Nothing is written.
    film(tmp_path / "long" / "fist" / "a.mp4", [1.0] * 310)
    told = refused(made, "--examples", str(tmp_path / "long"), "--others", others, *out)
    assert "lasts more than 30 s" in told and not (tmp_path / "out.json").exists()
