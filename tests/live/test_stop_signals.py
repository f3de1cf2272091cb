"""Signals that end a run: noted once it has begun, never lost, never for what ignores them."""

from __future__ import annotations

import os
import signal

import pytest

from action_recognition.errors import Terminated
from action_recognition.live import stop_signals
from action_recognition.live.stop_signals import StopSignals

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _send(signum: int) -> None:
    os.kill(os.getpid(), signum)


@pytest.mark.parametrize(
    ("signum", "error"),
    [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated), (signal.SIGHUP, Terminated)],
)
def test_before_the_run_has_begun_a_signal_ends_it(signum: int, error: type[BaseException]) -> None:
    with pytest.raises(error), StopSignals():
        _send(signum)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_later_it_is_noted_and_tells_the_exit_code(signum: int, code: int) -> None:
    before = [signal.getsignal(one) for one in HANDLED]
    with StopSignals() as stop:
        stop.begin()
        _send(signum)
        _send(signum)  # as `timeout` sends it, to the process and to its group
        assert stop.is_asked
        with pytest.raises(Terminated) as error:
            stop.raise_if_terminated()
    assert error.value.exit_code == code
    assert [signal.getsignal(one) for one in HANDLED] == before


def test_ctrl_c_is_the_usual_end() -> None:
    with StopSignals() as stop:
        stop.begin()
        _send(signal.SIGINT)
        stop.raise_if_terminated()
    assert stop.signum == signal.SIGINT


def test_a_second_request_ends_the_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    monkeypatch.setattr(stop_signals.time, "monotonic", lambda: now_s[0])
    with StopSignals() as stop:
        stop.begin()
        _send(signal.SIGINT)
        now_s[0] = 3.0
        with pytest.raises(KeyboardInterrupt):
            _send(signal.SIGINT)


def test_what_nohup_ignores_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as stop:
            _send(signal.SIGHUP)
            assert not stop.is_asked
    finally:
        signal.signal(signal.SIGHUP, before)
