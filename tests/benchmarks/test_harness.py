"""The harness: honest ratios, the JSON that readers rely on, and the decode benchmark on a small
scale.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchmarks import decode, harness


def test_callables_take_turns_and_the_order_moves_on() -> None:
    calls: list[str] = []
    timings = harness.interleaved(
        {name: lambda name=name: calls.append(name) for name in "abc"}, rounds=3, warm_up=1
    )
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"
    assert all(len(timing.seconds) == 3 for timing in timings.values())


def test_a_ratio_is_taken_round_by_round() -> None:
    slow_machine = np.array([1.0, 1.0, 10.0, 1.0])
    figure = harness.ratio(harness.Timing(2 * slow_machine), harness.Timing(slow_machine))
    assert (figure.value, figure.low, figure.high) == (2.0, 2.0, 2.0)
    assert (
        harness.fastest(
            {"a": harness.Timing(np.array([3.0, 1, 1])), "b": harness.Timing(np.array([2.0, 2, 2]))}
        )
        == "a"
    )


def test_flags(capsys: pytest.CaptureFixture[str]) -> None:
    options = harness.parse_arguments("x", ["--threads", "1", "--quick"])
    assert (
        options == harness.Options(json=None, threads=1, quick=True)
        and options.rounds(20) == harness.QUICK_ROUNDS
    )
    assert harness.parse_arguments("x", []).threads == harness.num_cores()
    with pytest.raises(SystemExit):
        harness.parse_arguments("x", ["--threads", "0"])
    assert "at least 1" in capsys.readouterr().err


def test_decode_benchmark_runs_and_writes_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(decode, "NUM_FRAMES", 60)
    assert (
        decode.main(["--quick", "--json", str(tmp_path / "decode.json")]) == 0
    )  # 1 when our frames differ from PyAV's
    document = json.loads((tmp_path / "decode.json").read_text())
    assert document["name"] == "decode" and re.fullmatch(
        r"[0-9a-f]{12}(\+changes)?|unknown", document["commit"]
    )
    assert {"time_over_best", "speedup_vs_mmcv"} <= document["figures"].keys()
    assert all(isinstance(value, float) and value > 0 for value in document["figures"].values())
    assert document["machine"]["cores"] >= 1 and document["machine"]["versions"]["av"]
    assert set(document["times_ms"]) - {"torchcodec"} == {
        *decode.OURS,
        *decode.OTHERS,
    }  # torchcodec where it is installed
    assert "time_over_best: " in capsys.readouterr().out
