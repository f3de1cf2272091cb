"""`tools/teach.py`: gestures that an exported model learns from files, in all of its forms."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from action_recognition.checkpoint import TrainedModel
from action_recognition.commands.teaching.teach import main
from action_recognition.deploy import Predictor
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.delivery.verification import verify_folder
from action_recognition.errors import UserError
from action_recognition.teaching.teachable_model import TeachableModel
from tests.data.media.test_kinds import CASES
from tests.made_landmarks import LABELS
from tests.teaching.conftest import made_clips

Files = dict[str, list[Path]]


def teach(folder: Path, *arguments: object) -> None:
    assert main([str(folder), *map(str, arguments), "--threads", "1"]) == 0


def test_gestures_are_taught_in_every_form(
    exported: Path, drawn: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    clips = made_clips(3)[0].numpy()
    before = load_backend(exported / "model.xml").scores(clips)
    first, second = drawn["swipe_left"][:2], drawn["move_closer"][:2]
    teach(exported, "--add", "winken 👋", *first, "--add", "come closer", *second, "--list")

    said = capsys.readouterr().out
    assert "winken 👋: needs probability" in said
    assert "3 trained: left, open, right" in said and "come closer: 2 examples" in said

    # The trained gestures keep their cosines, in all forms, which agree on the new ones.
    names = ("model.xml", "model_fp16.xml", "model.onnx")
    backends = [load_backend(exported / name) for name in names]
    for backend in backends:
        assert backend.metadata.labels == (*LABELS, "winken 👋", "come closer")
        assert backend.metadata.taught == {"winken 👋": 2, "come closer": 2}
        assert np.allclose(backend.scores(clips)[:, :3], before, atol=1e-2)
    capsys.readouterr()
    assert sorted(verify_folder(exported)) == sorted(names)
    card = (exported / "model_card.md").read_text(encoding="utf-8")
    assert "winken 👋 from 2, come closer from 2" in card

    # Any application names what it was shown.
    predictor = Predictor.from_path(exported / "model.xml", num_threads=1)
    right = 0
    for name, motion in (("winken 👋", "swipe_left"), ("come closer", "move_closer")):
        for file in drawn[motion][:2]:
            found = predictor.predict_file(file)
            others = {"winken 👋", "come closer"} - {name}
            right += found.probability_of(name) > found.probability_of(*others)
    assert right == 4


def test_more_examples_names_and_forgetting(exported: Path, drawn: Files) -> None:
    files = drawn["swipe_left"]
    teach(exported, "--add", "wave", files[0])
    teach(exported, "--add", "wave", *files[:3])
    model = TeachableModel(exported)
    assert model.metadata.taught == {"wave": 3}, "a file that it knows already does not count twice"
    scores = load_backend(exported / "model.xml").scores(made_clips(3)[0].numpy())

    teach(exported, "--rename", "wave", "Größe")
    assert load_backend(exported / "model.xml").metadata.labels[-1] == "Größe"
    renamed = load_backend(exported / "model.xml").scores(made_clips(3)[0].numpy())
    np.testing.assert_allclose(renamed, scores, atol=1e-5)

    teach(exported, "--remove", "Größe")
    metadata = load_backend(exported / "model.xml").metadata
    assert metadata.labels == LABELS and not metadata.taught and not metadata.thresholds
    assert json.loads((exported / "classes.json").read_text()) == list(LABELS)
    verify_folder(exported)


def test_clips_of_no_gesture_are_kept_out(exported: Path, drawn: Files) -> None:
    teach(exported, "--add", "wave", *drawn["swipe_left"][:2])
    predictor = Predictor.from_path(exported / "model.xml")
    taken = [predictor.predict_file(file).label for file in drawn["move_closer"]]
    teach(exported, "--negatives", *drawn["move_closer"][:2])
    predictor = Predictor.from_path(exported / "model.xml")
    metadata = predictor.backend.metadata
    assert metadata.negative_label == "no gesture" and "no gesture" not in metadata.thresholds
    refused = [predictor.predict_file(file) for file in drawn["move_closer"]]
    assert "wave" in taken and all(prediction.label != "wave" for prediction in refused[:2])


def test_bad_input_changes_nothing(exported: Path, drawn: Files, tmp_path: Path) -> None:
    clip = drawn["swipe_left"][0]
    dark, broken = tmp_path / "dark.png", tmp_path / "broken.mp4"
    import cv2

    cv2.imwrite(str(dark), np.zeros((64, 64, 3), np.uint8))
    broken.write_bytes(b"no video")
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    refused = {
        ("--add", "wave", dark, broken): r"no hand is seen in it(.|\n)*broken\.mp4",
        ("--add", "open", clip): "'open' is a gesture that the network was trained on",
        ("--add", " ", clip): "allowed: 1 to 100 characters",
        ("--add", "wave"): "no clip is given for 'wave'",
        ("--remove", "wave"): "'wave' was not taught; allowed: none was taught yet",
        ("--rename", "wave", "x"): "'wave' was not taught",
        (): "nothing to do",
    }
    for arguments, message in refused.items():
        with pytest.raises(UserError, match=message):
            main([str(exported), *map(str, arguments)])
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before

    (exported / "taught.json").write_text("{}")
    with pytest.raises(UserError, match=r"taught\.json: is not readable as the examples"):
        TeachableModel(exported)
    with pytest.raises(UserError, match=r"model\.xml: there is no exported model"):
        main([str(tmp_path), "--list"])


def test_examples_of_another_model_are_refused(exported: Path, drawn: Files) -> None:
    teach(exported, "--add", "wave", drawn["swipe_left"][0])
    file = exported / "taught.json"
    file.write_text(file.read_text().replace("1" * 64, "2" * 64))
    with pytest.raises(UserError, match=r"taught\.json: has the examples of another model"):
        TeachableModel(exported)


def test_a_network_that_is_not_fitted_is_refused(teachable: TrainedModel) -> None:
    from action_recognition.deploy.backends.pytorch import from_trained

    state = dict(teachable.state_dict)
    state["embedding.score_scale"] = state["embedding.score_scale"] * 0
    import dataclasses

    with pytest.raises(UserError, match="its embedding is not fitted yet"):
        from_trained(dataclasses.replace(teachable, state_dict=state), "1" * 64)


def test_odd_films_are_read_as_everywhere(exported: Path, shared: Path) -> None:
    """Each is read to its end. None shows a hand, and that alone is said of it."""
    films = [shared / "cases" / name for name in list(CASES)[::3]]
    with pytest.raises(UserError) as refused:
        main([str(exported), "--add", "wave", *map(str, films), "--threads", "1"])
    lines = str(refused.value).splitlines()
    assert len(lines) == len(films)
    for film, line in zip(films, lines, strict=True):
        assert line.startswith(f"{film}: no hand is seen in it"), line
