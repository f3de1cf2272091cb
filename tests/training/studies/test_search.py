"""The search: what it refuses, what it tries, leaves and goes on with."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml

from action_recognition.commands.search import main as search
from action_recognition.errors import UserError
from action_recognition.template import load_template_dir
from action_recognition.training.run import train
from action_recognition.training.studies.search.prune_trial import PruneTrial
from action_recognition.training.studies.search.report import write_report
from action_recognition.training.studies.search.space import load_space, suggest
from action_recognition.training.studies.search.study import Search, num_trials
from tests.tiny import tiny_data, tiny_template
from tests.training.test_run import options
from tests.warm import warm_python

RATE = "hyper_parameters.basic.base_learning_rate"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_data(tmp_path_factory.mktemp("data"), clips_per_class=2)


@pytest.fixture
def space_file(data: Path, tmp_path: Path) -> Path:
    tiny_template(tmp_path / "tiny")
    return tmp_path / "space.yaml"


def write_space(path: Path, data: Path, **changes: Any) -> Path:
    train_flags = {f"{split}-ann-files": str(data / f"{split}.txt") for split in ("train", "val")}
    train_flags |= {f"{split}-data-roots": str(data) for split in ("train", "val")} | {
        "epochs": 2,
        "gpu-num": 0,
    }
    document = {
        "template": "tiny",
        "trials": 4,
        "startup_trials": 2,
        "train": train_flags | changes.pop("train", {}),
        "space": {
            RATE: {"low": 0.001, "high": 0.1, "log": True},
            "training.loss.margin": [0.0, 0.2],
            "model.head.embedding_size": {"low": 8, "high": 16},
        },
    } | changes
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        (
            {"space": {"hyper_parameters.basic.base_learning_rat": [1.0]}},
            ["space.yaml:", f"did you mean '{RATE}'?"],
        ),
        (
            {"space": {"model.head.embeding_size": [8]}},
            ["is no key of the template, did you mean 'model.head.embedding_size'?"],
        ),
        ({"space": {RATE: {"low": 0.1, "high": float("inf")}}}, ["finite number"]),
        ({"space": {RATE: {"low": 0.1, "high": 0.01}}}, ["low 0.1 is not below high 0.01"]),
        ({"space": {RATE: {"low": 0.0, "high": 0.01, "log": True}}}, ["has no logarithm"]),
        (
            {"space": {RATE: {"low": -1.0, "high": 0.01}}},
            [f"space.{RATE}: the value -1.0 is not allowed: Input should be greater than 0"],
        ),
        (
            {"space": {"training.loss.margin": [0.1, -0.5]}},
            ["space.training.loss.margin: the value -0.5 is not allowed"],
        ),
        ({"trails": 3}, ["trails: is not a known key, did you mean 'trials'?"]),
        (
            {"train": {"epoch": 3}},
            ["train.epoch: is no flag of train.py that a trial takes, did you mean 'epochs'?"],
        ),
        ({"train": {"folds": 3}}, ["train.folds: is no flag of train.py that a trial takes"]),
    ],
)
def test_a_wrong_space_is_refused_before_anything_is_made(
    changes: dict[str, Any], messages: list[str], space_file: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as error:
        search([str(write_space(space_file, data, **changes)), "--output", str(tmp_path / "out")])
    for message in messages:
        assert message in str(error.value)
    assert not (tmp_path / "out").exists()


def test_a_search_leaves_table_picture_and_the_best_template(
    space_file: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    command = [str(write_space(space_file, data, pruner="none")), "--output", str(out)]
    search(command)
    found = rows(out)
    assert [row["trial"] for row in found] == ["0", "1", "2", "3"] and {
        row["state"] for row in found
    } == {"done"}
    assert len({row[RATE] for row in found}) == 4 and {row["epochs"] for row in found} == {"2"}
    best = max(found, key=lambda row: float(row["best_val_top1"]))
    template, model = load_template_dir(out / "best")
    assert f"{template.hyper_parameters.basic.base_learning_rate}" == best[RATE]
    assert f"{model.head.embedding_size}" == best["model.head.embedding_size"]
    assert (out / "importance.png").stat().st_size > 1000
    assert "what mattered: " in capsys.readouterr().out
    search(command)
    assert rows(out) == found
    search([*command, "--trials", "5"])
    assert rows(out)[:4] == found and len(rows(out)) == 5
    assert rows(out)[4][RATE] not in {row[RATE] for row in found}


def test_a_killed_search_goes_on_with_its_trial(
    space_file: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    space = write_space(space_file, data, trials=2, pruner="none", train={"epochs": 8})
    program = "import sys; from action_recognition.commands.search import main; main(sys.argv[1:])"
    command = [warm_python(), "-c", program, str(space), "--output", str(out)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch 3/"):
            break
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    template, _ = load_template_dir(out / "trial_0000")
    curves = (out / "trial_0000" / "outputs" / "curves.csv").read_text().splitlines()
    assert 3 <= len(curves) < 9
    search([str(space), "--output", str(out)])
    found = rows(out)
    assert [row["trial"] for row in found] == ["0", "2"] and {row["state"] for row in found} == {
        "done"
    }  # number 1 was number 0 again
    assert found[0][RATE] == f"{template.hyper_parameters.basic.base_learning_rate}"
    assert found[0]["epochs"] == "8"
    after = (out / "trial_0000" / "outputs" / "curves.csv").read_text().splitlines()
    assert after[:3] == curves[:3] and len(after) == 9


def test_a_trial_that_diverges_has_failed_and_the_others_go_on(
    space_file: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    # Each step multiplies the weights by about -1e18.
    space = {RATE: [1e9], "training.optimizer.weight_decay": [1e9]}
    search([str(write_space(space_file, data, trials=2, space=space)), "--output", str(out)])
    assert [row["state"] for row in rows(out)] == ["failed", "failed"] and not (
        out / "best"
    ).exists()


def test_what_every_trial_would_meet_ends_the_search(
    space_file: Path, data: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="no such annotation file"):
        search(
            [
                str(write_space(space_file, data, train={"train-ann-files": "absent.txt"})),
                "--output",
                str(tmp_path / "out"),
            ]
        )


def test_the_pruner_is_asked_after_every_epoch_and_ends_the_run(
    data: Path, space_file: Path, tmp_path: Path
) -> None:
    study = optuna.create_study(
        direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=101.0, n_warmup_steps=2)
    )
    trial = study.ask()
    watcher = PruneTrial(trial, tmp_path / "out")
    train(tmp_path / "tiny", options(data, tmp_path / "out", epochs=9), [watcher])
    assert watcher.pruned
    assert list(study.trials[0].intermediate_values) == [1, 2]


def test_a_search_goes_on_after_a_trial_that_was_given_up(
    data: Path, space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: trial.number > 0)
    out = tmp_path / "out"
    space = write_space(space_file, data, trials=3, sampler="random", train={"epochs": 2})
    assert search([str(space), "--output", str(out)]) == 0
    assert [(row["state"], row["epochs"]) for row in rows(out)] == [
        ("done", "2"),
        ("given up", "1"),
        ("given up", "1"),
    ]
    assert load_template_dir(out / "best")


def test_several_processes_share_the_trials(space_file: Path, data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    space = write_space(
        space_file, data, trials=3, pruner="none", sampler="random", train={"epochs": 1}
    )
    program = "import sys; from action_recognition.commands.search import main; main(sys.argv[1:])"
    command = [warm_python(), "-c", program, str(space), "--output", str(out)]
    processes = [
        subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    found = rows(out)
    assert [row["trial"] for row in found] == ["0", "1", "2"] and len(
        {row[RATE] for row in found}
    ) == 3
    assert sum(text.count(": done") for text in said) == 3


def test_a_database_keeps_the_trials_too(space_file: Path, data: Path, tmp_path: Path) -> None:
    space, documents = load_space(write_space(space_file, data))
    url = f"sqlite:///{tmp_path / 'trials.db'}"
    search_there = Search(
        space, documents, tmp_path / "out", lambda folder: options(data, folder), url
    )
    study = search_there.study()
    trial = study.ask()
    values = suggest(space, trial)
    study.tell(trial, 50.0)
    again = search_there.study()
    assert num_trials(again) == 1 and again.best_trial.params[RATE] == values[RATE]
    assert (
        len(write_report(search_there, again)) == 4
        and rows(tmp_path / "out")[0]["best_val_top1"] == "50.0"
    )


def test_ranges_and_choices_are_read(space_file: Path, data: Path) -> None:
    space, documents = load_space(write_space(space_file, data))
    assert space.trials == 4 and set(space.space) == {
        RATE,
        "training.loss.margin",
        "model.head.embedding_size",
    }
    assert documents[0]["name"] == "tiny"


@pytest.mark.parametrize(
    "content", [b"garbage\n", b'{"a": 1}\n', b"[]\n", b"\xff\xfe\n", b'{"op_code": 99}\n']
)
def test_a_damaged_journal_is_one_message(
    content: bytes, space_file: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "study.journal").write_bytes(content)
    with pytest.raises(UserError, match=r"study\.journal: is no storage that can be read"):
        search([str(write_space(space_file, data)), "--output", str(out)])
    assert (out / "study.journal").read_bytes().startswith(content)
    assert not (out / "trials.csv").exists()


@pytest.mark.parametrize("url", ["nonsense", "foo://bar", "sqlite:////not/there/x.db", "mysql://x"])
def test_a_wrong_storage_is_one_message(
    url: str, space_file: Path, data: Path, tmp_path: Path
) -> None:
    command = [str(write_space(space_file, data)), "--output", str(tmp_path / "out")]
    with pytest.raises(UserError, match=f"--storage {url}: is no storage that can be read"):
        search([*command, "--storage", url])


def test_another_space_in_the_same_folder_is_refused(
    space_file: Path, data: Path, tmp_path: Path
) -> None:
    command = ["--output", str(tmp_path / "out"), "--report"]
    search([str(write_space(space_file, data)), *command])
    write_space(space_file, data, space={"training.loss.margin": [0.0, 0.3]})
    with pytest.raises(UserError, match="holds a search over other values"):
        search([str(space_file), *command])
