"""Batches leave a worker whole: with little shared memory, and where they cannot be sent."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest
import torch

from action_recognition.data.batches import Batch, DamagedClip, Sample
from action_recognition.data.loading import hand_over, loader
from action_recognition.data.loading.loader import dead_workers_told, make_loader
from action_recognition.errors import UserError
from action_recognition.training.checkpoints import stop_request
from action_recognition.training.checkpoints.stop_request import StopRequest


class Clips(torch.utils.data.Dataset[Sample | DamagedClip]):
    """Eight clips; `fault` is a call that a worker makes for the fourth."""

    def __init__(self, fault: Any = None) -> None:
        self.fault = fault

    def __len__(self) -> int:
        return 8

    def __getitem__(self, key: int) -> Sample | DamagedClip:
        if key == 3 and self.fault is not None:
            self.fault()
        inside = torch.tensor([True, key % 2 == 0])
        return Sample(torch.full((3, 2, 4, 4), key, dtype=torch.uint8), key % 3, key, inside)


def batches(num_workers: int, fault: Any = None) -> list[Batch]:
    return list(make_loader(Clips(fault), 3, range(8), num_workers))  # type: ignore[arg-type]


@pytest.mark.parametrize("room", [0, 1 << 40, None])
def test_batches_are_the_same_with_and_without_shared_memory(
    room: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = batches(0)
    monkeypatch.setattr(hand_over, "shared_room_bytes", lambda: room)
    hand_over._say_why.cache_clear()
    found = batches(2)
    for one, other in zip(expected, found, strict=True):
        assert torch.equal(one.clips, other.clips) and one.damaged == other.damaged
        assert torch.equal(one.labels, other.labels) and torch.equal(one.indices, other.indices)
        assert one.inside is not None and other.inside is not None
        assert torch.equal(one.inside, other.inside)
    assert [batch.clips.is_shared() for batch in found] == [room != 0] * 3
    # One line, however many batches and workers.
    said = capsys.readouterr().out
    assert said.count("has no room for a batch, so clips come through pipes") == (room == 0)


def test_room_that_is_gone_when_it_is_needed_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(clips: list[torch.Tensor]) -> torch.Tensor:
        raise RuntimeError("unable to allocate shared memory(shm): No space left on device (28)")

    monkeypatch.setattr(hand_over, "default_collate", no_room)
    assert [batch.indices.tolist() for batch in batches(1)] == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_a_worker_that_dies_ends_the_loop_with_a_message() -> None:
    with pytest.raises(UserError, match="--num-workers: a process that decodes clips died"):
        dead_workers_told()(batches)(2, lambda: os.kill(os.getpid(), signal.SIGKILL))


def test_a_batch_that_cannot_be_sent_ends_the_loop(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def unsendable(items: Any) -> Any:
        return threading.Lock()

    monkeypatch.setattr(loader, "collate_to_send", unsendable)
    began = time.monotonic()
    with pytest.raises(UserError, match="a process that decodes clips died"):
        dead_workers_told()(batches)(1)
    assert time.monotonic() - began < 20
    assert "error: a batch of clips cannot be sent: cannot pickle" in capfd.readouterr().err


def test_a_signal_ends_a_wait_for_a_batch_that_does_not_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stop_request, "_PATIENCE_S", 0.5)
    stop = StopRequest()
    stop.install()
    threading.Timer(1.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            batches(1, lambda: time.sleep(60))
    finally:
        stop.restore()
        loader.kill_workers()
    assert stop.signum == signal.SIGTERM
    assert 1.5 < time.monotonic() - began < 15


def test_a_signal_between_batches_waits_for_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stop_request, "_PATIENCE_S", 0.2)
    stop = StopRequest()
    stop.install()
    try:
        signal.raise_signal(signal.SIGTERM)
        time.sleep(1.5)  # a long step
        assert stop.signum == signal.SIGTERM
    finally:
        stop.restore()
