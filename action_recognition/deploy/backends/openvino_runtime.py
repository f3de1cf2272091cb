"""Clips in OpenVINO, from an opened IR."""

from __future__ import annotations

from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

import numpy as np

from action_recognition.deploy.backends.finite_values import finite_scores
from action_recognition.deploy.backends.model_files import OpenedFile
from action_recognition.deploy.backends.openvino_files import (
    OpenVinoSettings,
    compile_ir,
    computed_precision,
    described_run,
    wanted_requests,
)
from action_recognition.deploy.backends.protocol import (
    Clips,
    InferenceThreads,
    Scores,
    check_clips,
    network_input,
    stack_scores,
)


class OpenVinoBackend:
    """An IR for clips in OpenVINO, one clip at a time, several at once for the hint `throughput`.

    `num_requests` is the number of clips that OpenVINO wants to compute at once.
    Raises UserError: those of `compile_ir`.
    """

    def __init__(self, opened: OpenedFile, settings: OpenVinoSettings) -> None:
        self.metadata, self._name = opened.metadata, str(opened.path)
        self.compiled = compile_ir(opened, settings)
        self._asked = settings.precision
        self.num_requests = wanted_requests(self.compiled)
        self._request = self.compiled.create_infer_request()

        # `submit` makes the threads and their requests at its first call.
        self._threads: InferenceThreads | None = None
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self.runs_as = described_run(self.compiled, settings)

    @property
    def precision(self) -> str:
        """Return the precision that the device computes in, or the one asked for if it is silent.

        `f32`, `bf16` or `f16`.
        """
        return computed_precision(self.compiled, self._asked)

    def scores(self, clips: Clips) -> Scores:
        """Score clips, as `Backend.scores` says, side by side for the hint `throughput`."""
        check_clips(clips, self.metadata)
        if self.num_requests > 1:
            # Not with the own request: the caller may have several threads as well.
            futures = [self.submit(clip) for clip in clips]
            return stack_scores([future.result() for future in futures], self.metadata)

        rows = [self._infer(self._request, clip[None])[0] for clip in clips]
        return stack_scores(rows, self.metadata)

    def submit(self, clip: Clips) -> Future[Scores]:
        """Score one clip later, as `Backend.submit` says.

        There are as many threads as OpenVINO wants clips at once, each with its own request.
        OpenVINO's AsyncInferQueue would call Python from its own threads.
        """
        check_clips(clip[None], self.metadata)
        if self._threads is None:
            for _ in range(self.num_requests):
                self._requests.put(self.compiled.create_infer_request())
            self._threads = InferenceThreads(self._scores_side_by_side, self.num_requests)
        return self._threads.submit(clip)

    def _scores_side_by_side(self, clips: Clips) -> Scores:
        request = self._requests.get()
        try:
            return self._infer(request, clips)
        finally:
            self._requests.put(request)

    def _infer(self, request: Any, clips: Clips) -> Scores:
        # A copy: the next inference overwrites the memory of the request.
        scores = np.array(request.infer({0: network_input(clips, self.metadata)})[0], np.float32)
        return finite_scores(scores, self._name)
