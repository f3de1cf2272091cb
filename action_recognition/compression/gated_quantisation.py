"""Quantise within the accuracy gate.

The loss of INT8 is measured fold by fold, on clips that the quantisation did not see.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache, cached_property
from typing import Any

import numpy as np
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from action_recognition.compression.accuracy_gate import (
    Drop,
    GateRules,
    Scores,
    accuracy_drop,
    first_that_holds,
    levels,
    notes,
)
from action_recognition.compression.clip_store import GateClips, Indices
from action_recognition.compression.compression_report import Compression, gate_facts
from action_recognition.compression.network_kinds import NetworkForm
from action_recognition.compression.quantised_layers import Layer, floating_layers, quantised_layers
from action_recognition.compression.scoring import int8_sums, rank_layers
from action_recognition.console import clock_in, counted, say
from action_recognition.deploy.backends import Clips

# Few, since every layer is scored on them.
_RANKING_CLIPS = 16

Floats = Callable[[int | None], Any]


class Int8Gate:
    """Quantises a network and gives layers back until the drop is within the limit.

    `floats` returns the floating network to quantise: the one of a fold, or for None that of all
    clips. The loss is measured against `original`, the FP32 network as it was read. `floats`
    returns this one unless it is given.
    """

    def __init__(
        self,
        form: NetworkForm,
        original: Any,
        clips: GateClips,
        rules: GateRules,
        floats: Floats | None = None,
    ) -> None:
        self._form, self._original, self._clips, self._rules = form, original, clips, rules
        # Cached, since fine-tuning makes a network for each fold.
        self._floats = cache(floats or (lambda _: original))
        self._truth = clips.stored.labels
        self._everything: Indices = np.arange(len(self._truth))
        # A single fold is measured by the network of all clips.
        self._left = TimeLeft(1 + (clips.num_folds if clips.num_folds > 1 else 0))

    def run(self) -> tuple[Compression, Any]:
        """Return the result of the gate and the quantised network.

        The number of layers given back doubles from trial to trial until the drop of the folds is
        within the limit, so it can be nearly twice the number that is needed. If no trial holds,
        all are given back. The same number is given back in the network of all clips. Where a
        single clip is more than `max_drop`, that clip is the limit.
        """
        self._say_if_too_coarse()
        limit = self._rules.limit_for(len(self._truth))
        num_layers = len(quantised_layers(self._network))
        trials = first_that_holds(levels(num_layers), self._cross_validated, limit)
        count, drop = trials[-1]
        # The network that is written is quantised on clips of all folds.
        given_back = self._most_harmful(count)
        network = self._quantised(None, count)

        # A layer given back is listed as such only.
        returned = set(given_back)
        sentences = notes(drop, limit, count, num_layers)
        facts = gate_facts(self._form.method, self._clips, self._rules, sentences)
        compression = Compression(
            quantised=[layer for layer in quantised_layers(network) if layer not in returned],
            given_back=given_back,
            floating=[layer for layer in floating_layers(network) if layer not in returned],
            trials=trials,
            drops=self._drops_of(network),
            error={layer.name: value for layer, value in self._ranked} if count else {},
            facts=facts | {"int8_sums": int8_sums()},
        )
        return compression, network

    def _say_if_too_coarse(self) -> None:
        """Say so where clips are too few for the limit that was asked for."""
        limit, asked = self._rules.limit_for(len(self._truth)), self._rules.max_drop
        if limit > asked:
            clips = counted(len(self._truth), "clip")
            say(
                f"note: of {clips}, one is {limit:.1f} points of top-1, more than --max-drop "
                f"{asked:g}: no layer is given back for one lost clip"
            )

    @cached_property
    def _network(self) -> Any:
        """The network of all clips with no layer given back."""
        return self._quantised(None, 0)

    def _of_fold(self, count: int) -> Iterator[Any]:
        """Yield a network for each fold, quantised without its clips, with `count` given back."""
        # A single fold has no clips outside it to quantise on.
        if self._clips.num_folds == 1:
            yield self._quantised(None, count)
        else:
            yield from (self._quantised(fold, count) for fold in range(self._clips.num_folds))

    def _quantised(self, without_fold: int | None, count: int) -> Any:
        """Quantise a network that leaves `count` layers in floating point.

        Each number of layers needs its own quantisation: the corrected biases of the other layers
        had made up for the loss of these.
        """
        if without_fold is None and not count and "_network" in self.__dict__:
            return self._network

        rules = self._rules
        indices = self._clips.to_quantise_on(rules.calibration_clips, rules.seed, without_fold)
        names = [layer.name for layer in self._most_harmful(count)]
        but = "" if without_fold is None else f", none of fold {without_fold + 1}"
        say(f"{self._left.next('quantising')}: on {len(indices)} clips{but}{self._left}")

        clips = self._clips.stored.chosen(indices)
        return self._form.quantise(self._floats(without_fold), clips, names)

    @cached_property
    def _ranked(self) -> list[tuple[Layer, float]]:
        """The quantised layers, the most harmful first."""
        indices = self._clips.to_quantise_on(_RANKING_CLIPS, self._rules.seed)
        with progress_line("ranking layers", len(quantised_layers(self._network))) as advance:
            return rank_layers(
                self._network,
                self._floats(None),
                self._clips.stored.chosen(indices),
                self._form.scores,
                advance,
            )

    def _most_harmful(self, count: int) -> list[Layer]:
        # Ranking takes a while: a gate that holds at once needs none.
        return [layer for layer, _ in self._ranked[:count]] if count else []

    @cached_property
    def _before(self) -> Scores:
        return self._scores(self._original, self._everything, "FP32")

    def _cross_validated(self, count: int) -> Drop:
        """Measure the drop over all clips, each scored by the network of its fold."""
        if count:
            # The folds again, and in the end the network of all clips.
            self._left.more(self._clips.num_folds + int(count == 1))
        after = np.zeros_like(self._before)
        for fold, network in enumerate(self._of_fold(count)):
            indices = np.flatnonzero(self._clips.fold == fold)
            title = f"INT8, fold {fold + 1} of {self._clips.num_folds}"
            after[indices] = self._scores(network, indices, title)

        drop = accuracy_drop(self._truth, self._before, after)
        given_back = f"{counted(count, 'layer')} given back to floating point"
        say(f"{given_back}, measured on clips that were not quantised on: {drop}")
        return drop

    def _drops_of(self, network: Any) -> dict[str, Drop]:
        """Measure the drops on training and validation clips, all of which took part."""
        after = self._scores(network, self._everything, "INT8")
        return drops_by_part(self._clips, self._before, after)

    def _scores(self, model: Any, indices: Indices, title: str) -> Scores:
        with progress_line(title, len(indices)) as advance:
            clips = _one_by_one(self._clips.stored.pixels, indices, advance)
            return self._form.scores(model, clips)


class TimeLeft:
    """Counts equal parts of a work, and estimates its end from those that are done.

    >>> left = TimeLeft(2)
    >>> left.next("quantising"), str(left)
    ('quantising 1 of 2', '')
    """

    def __init__(self, total: int) -> None:
        self._total, self._begun = total, 0
        self._began_s = time.monotonic()

    def more(self, parts: int) -> None:
        """Add parts that turned out to be needed."""
        self._total += parts

    def next(self, name: str) -> str:
        """Begin the next part and return its name."""
        if not self._begun:
            self._began_s = time.monotonic()
        self._begun += 1
        return f"{name} {self._begun} of {self._total}"

    def __str__(self) -> str:
        """Return the time that is left, nothing before the first part is done."""
        done = self._begun - 1
        if not done:
            return ""
        left_s = (time.monotonic() - self._began_s) / done * (self._total - done)
        return f", ends about {clock_in(left_s)}"


def drops_by_part(clips: GateClips, before: Scores, after: Scores) -> dict[str, Drop]:
    """Return the drops of the training and of the validation clips."""
    truth = clips.stored.labels
    return {
        name: accuracy_drop(truth[part], before[part], after[part])
        for name, part in clips.parts.items()
    }


@contextlib.contextmanager
def progress_line(title: str, total: int) -> Iterator[Callable[[], None]]:
    """Show a line with an end time on a terminal, nothing elsewhere.

    Yields the function to call once a step.
    """
    # `transient` removes the line at its end.
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stdout.isatty(), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


def _one_by_one(pixels: Clips, indices: Indices, advance: Callable[[], None]) -> Iterator[Clips]:
    for index in indices:
        yield pixels[index]
        advance()
