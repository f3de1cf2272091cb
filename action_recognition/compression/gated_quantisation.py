"""Quantise within the accuracy gate: what INT8 loses is measured on clips that the quantisation did not see, fold by fold."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from action_recognition.compression.accuracy_gate import (
    Drop,
    Scores,
    accuracy_drop,
    first_that_holds,
    levels,
)
from action_recognition.compression.clip_store import StoredClips
from action_recognition.compression.compression_report import Compression
from action_recognition.compression.network_kinds import NetworkForm
from action_recognition.compression.quantised_layers import Layer, floating_layers, quantised_layers
from action_recognition.compression.scoring import rank_layers
from action_recognition.deploy.backends import Pixels

_RANKING_CLIPS = 16

Indices = npt.NDArray[np.int64]
Floats = Callable[[int | None], Any]


@dataclass(frozen=True)
class GateRules:
    """The largest drop of top-1 in points; clips to calibrate the quantisers on; the seed that draws them."""

    max_drop: float = 1.0
    calibration_clips: int = 128
    seed: int = 0


@dataclass(frozen=True)
class GateClips:
    """The clips of the gate: which are validation clips (N,), and the fold of each (N,)."""

    stored: StoredClips
    is_val: npt.NDArray[np.bool_]
    fold: Indices

    @property
    def num_folds(self) -> int:
        return int(self.fold.max()) + 1

    def to_quantise_on(self, count: int, seed: int, without_fold: int | None = None) -> Indices:
        """Up to `count` training clips that are not of a fold, in an order drawn from all; any clips where no training clip is left."""
        drawn = np.random.default_rng(seed).permutation(np.flatnonzero(~self.is_val))
        allowed = drawn[self.fold[drawn] != without_fold][:count]
        return allowed if len(allowed) else np.flatnonzero(self.fold != without_fold)[:count]


class Int8Gate:
    """`run` gives the network that holds the gate, quantised from `floats`: a floating network for a fold, and one for None, all clips.

    What is lost is against `original`, the FP32 network as it was read, which most often is what `floats` gives.
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
        self._floats = cache(floats or (lambda _: original))
        self._truth = clips.stored.labels
        self._everything: Indices = np.arange(len(self._truth))

    def run(self) -> tuple[Compression, Any]:
        """Give back as few layers as keep the drop of the folds within the limit, in the network of all clips too."""
        layers = quantised_layers(self._network)
        trials = first_that_holds(levels(len(layers)), self._cross_validated, self._rules.max_drop)
        count, drop = trials[-1]
        given_back = self._most_harmful(count)
        network = self._quantised(None, count)
        returned = set(given_back)
        compression = Compression(
            quantised=[layer for layer in quantised_layers(network) if layer not in returned],
            given_back=given_back,
            floating=[layer for layer in floating_layers(network) if layer not in returned],
            trials=trials,
            drops=self._drops_of(network),
            error={layer.name: value for layer, value in self._ranked} if count else {},
            facts=gate_facts(
                self._form.method,
                self._clips,
                self._rules,
                notes(drop, self._rules.max_drop, count, len(layers)),
            ),
        )
        return compression, network

    # --- networks -------------------------------------------------------------------------------------------

    @cached_property
    def _network(self) -> Any:
        return self._quantised(None, 0)

    def _of_fold(self, count: int) -> Iterator[Any]:
        """One network a fold, quantised without its clips, with so many layers given back."""
        if self._clips.num_folds == 1:
            yield self._quantised(None, count)
        else:
            yield from (self._quantised(fold, count) for fold in range(self._clips.num_folds))

    def _quantised(self, without_fold: int | None, count: int) -> Any:
        """Layers given back are left out of a quantisation of its own: the biases of the others had made up for what they lost."""
        if without_fold is None and not count and "_network" in self.__dict__:
            return self._network
        indices = self._clips.to_quantise_on(
            self._rules.calibration_clips, self._rules.seed, without_fold
        )
        print(
            f"quantising on {len(indices)} clips{'' if without_fold is None else f', none of fold {without_fold + 1}'}",
            flush=True,
        )
        names = [layer.name for layer in self._most_harmful(count)]
        return self._form.quantise(
            self._floats(without_fold), self._clips.stored.chosen(indices), names
        )

    @cached_property
    def _ranked(self) -> list[tuple[Layer, float]]:
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
        return [layer for layer, _ in self._ranked[:count]] if count else []

    # --- drops ----------------------------------------------------------------------------------------------

    @cached_property
    def _before(self) -> Scores:
        return self._scores(self._original, self._everything, "FP32")

    def _cross_validated(self, count: int) -> Drop:
        """The drop over all clips, each scored by the network of its fold, with `count` layers given back."""
        after = np.zeros_like(self._before)
        for fold, network in enumerate(self._of_fold(count)):
            indices = np.flatnonzero(self._clips.fold == fold)
            after[indices] = self._scores(
                network, indices, f"INT8, fold {fold + 1} of {self._clips.num_folds}"
            )
        drop = accuracy_drop(self._truth, self._before, after)
        print(f"{count} layers given back, cross-validated: {drop}", flush=True)
        return drop

    def _drops_of(self, network: Any) -> dict[str, Drop]:
        """On training and validation clips, all of them seen."""
        after = self._scores(network, self._everything, "INT8")
        parts = {"train": ~self._clips.is_val, "validation": self._clips.is_val}
        return {
            name: accuracy_drop(self._truth[part], self._before[part], after[part])
            for name, part in parts.items()
            if part.any()
        }

    def _scores(self, model: Any, indices: Indices, title: str) -> Scores:
        with progress_line(title, len(indices)) as advance:
            return self._form.scores(
                model, _one_by_one(self._clips.stored.pixels, indices, advance)
            )


def gate_facts(
    method: str, clips: GateClips, rules: GateRules, sentences: Sequence[str]
) -> dict[str, Any]:
    """What stands above the tables."""
    return {
        "method": method,
        "max_drop_points": rules.max_drop,
        "clips": len(clips.fold),
        "validation_clips": int(clips.is_val.sum()),
        "folds": clips.num_folds,
        "calibration_clips": len(clips.to_quantise_on(rules.calibration_clips, rules.seed)),
        "seed": rules.seed,
        "notes": list(sentences),
    }


def notes(drop: Drop, max_drop: float, given_back: int, num_layers: int) -> list[str]:
    """What the gate does not promise, in sentences."""
    found = []
    if drop.high > max_drop:
        found.append(
            f"{drop.num_clips} clips are too few to be sure of the limit: the drop is {drop.points:+.2f} points, with 95 % confidence "
            f"between {drop.low:+.2f} and {drop.high:+.2f}, and {max_drop:g} were allowed; more clips narrow it"
        )
    if given_back > num_layers // 2:
        fix = "fine-tune with --qat-epochs, or train on more clips"
        found.append(
            f"{given_back} of {num_layers} layers had to be given back, so little speed is gained: {fix}"
        )
    return found


@contextlib.contextmanager
def progress_line(title: str, total: int) -> Iterator[Callable[[], None]]:
    """A line with an end time on a terminal, nothing elsewhere; call what it gives once a step."""
    columns = (TextColumn(title), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not sys.stdout.isatty(), transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)


def _one_by_one(pixels: Pixels, indices: Indices, advance: Callable[[], None]) -> Iterator[Pixels]:
    for index in indices:
        yield pixels[index]
        advance()
