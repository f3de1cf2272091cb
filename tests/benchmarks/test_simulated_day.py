"""Six minutes of the simulated day; the whole of it is `python benchmarks/simulated_day.py`."""

from __future__ import annotations

from benchmarks import simulated_day
from benchmarks.simulated_day import HOUR_S, figures_of, simulate, with_a_real_network


def test_every_gesture_once_at_its_time_and_no_stream_sees_another(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(simulated_day, "_PHASE_S", 60.0)
    hours = 360 / HOUR_S
    figures = figures_of(simulate(hours), hours)
    assert (
        figures["events"] == 3 * 18
        and figures["missed"] == 0
        and figures["double"] == 0
        and figures["mixed_streams"] == 0
    )
    assert 0 <= figures["late_s"] < 1.0 and abs(figures["drift_s"]) < 0.1


def test_a_real_networks_streams_are_those_of_each_alone() -> None:
    figures = with_a_real_network(0.2, 2)
    assert figures["real_scores"] > 3 * 0.2 * 60 * 2 and figures["real_largest_difference"] < 1e-4
