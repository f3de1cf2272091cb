"""`tools/benchmark.py`: figures, their precision, and the tables and picture it leaves."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from action_recognition.commands.benchmark import main, thread_counts
from action_recognition.deploy.backends import load_backend
from action_recognition.deploy.delivery.benchmark_process import computes_in, measure
from action_recognition.deploy.delivery.benchmarking import (
    check_models,
    measure_model,
    model_size_mb,
    read_accuracies,
)
from action_recognition.errors import UserError
from action_recognition.files import sha256_of


def test_a_table_a_picture_and_json_of_two_models(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = tmp_path / "evaluation.json"
    evaluation.write_text(
        json.dumps({"model_sha256": sha256_of(exported / "model.xml"), "accuracy": 61.25})
    )
    names = {"json": "rows.json", "markdown": "rows.md", "plot": "rows.png"}
    out = [f"--{kind}={tmp_path / 'out' / name}" for kind, name in names.items()]
    models = [str(exported / "model.xml"), str(exported / "model.onnx")]
    assert (
        main(
            [
                *models,
                "--threads",
                "1",
                "--precision",
                "f32",
                "--rounds",
                "3",
                f"--evaluations={evaluation}",
                *out,
            ]
        )
        == 0
    )
    xml, onnx = json.loads((tmp_path / "out" / names["json"]).read_text())["models"]
    assert (xml["accuracy"], onnx["accuracy"]) == (61.25, None)
    for row in (xml, onnx):
        assert 0 < row["p50_ms"] <= row["p95_ms"] and row["clips_per_s"] > 0 and row["threads"] == 1
        assert (
            row["first_ms"] > 0
            and row["open_s"] > 0
            and 20 < row["memory_mb"] < 4000
            and row["computes_in"].startswith("f32")
        )
    assert xml["size_mb"] == pytest.approx(
        sum((exported / name).stat().st_size for name in ("model.xml", "model.bin")) / 1e6
    )
    table = (tmp_path / "out" / names["markdown"]).read_text()
    assert "| 61.25 % |" in table and table in capsys.readouterr().out
    assert (tmp_path / "out" / names["plot"]).read_bytes().startswith(b"\x89PNG")


def test_the_precision_is_that_of_the_layers(exported: Path) -> None:
    found = computes_in(load_backend(exported / "model.xml", 1))
    precision, count = found.split(" ")
    assert precision == "f32" and int(count) > 8
    assert computes_in(load_backend(exported / "model.onnx", 1)) == "f32"
    assert (
        computes_in(load_backend(exported / "model_fp16.xml", 1)).split(" ")[0] == "f32"
    )  # half as large, computed as asked for
    own = measure(exported / "model.xml", 1, "default", 1)["computes_in"]
    assert own.split(" ")[0] in ("f32", "bf16", "f16")


def test_what_cannot_be_measured_is_named(exported: Path, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(
        UserError,
        match=r"(?s)a\.txt: the suffix '\.txt' is not that of a model.*missing\.xml: there is "
        r"no such",
    ):
        check_models([tmp_path / "a.txt", tmp_path / "missing.xml"])
    with pytest.raises(UserError, match="there is no accuracy to draw"):
        main([str(exported / "model.xml"), "--plot", str(tmp_path / "plot.png")])
    (tmp_path / "evaluation.json").write_text("{}")
    with pytest.raises(UserError, match="is not a result of eval"):
        read_accuracies([tmp_path / "evaluation.json"])
    copy = Path(shutil.copytree(exported, tmp_path / "copy"))
    (copy / "model.bin").write_bytes(b"")
    with pytest.raises(UserError, match=r"could not be measured .*model\.bin: is not the file"):
        measure_model(copy / "model.xml", 1, "f32", 1)


def test_threads_and_sizes(exported: Path) -> None:
    assert thread_counts("1,2,all") == [1, 2, None]
    assert (
        model_size_mb(exported / "model.bin")
        == model_size_mb(exported / "model.xml")
        > (exported / "model.bin").stat().st_size / 1e6
    )
