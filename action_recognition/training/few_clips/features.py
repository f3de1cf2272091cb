"""Backbone features of clips, in a centre view and a few augmented ones, cached on disk."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.batches import DamagedClip, Sample
from action_recognition.data.clip_orders import ShareSampler
from action_recognition.data.datasets import ClipDataset, ItemKey
from action_recognition.data.frame_source import FrameSource
from action_recognition.data.loading.loader import dead_workers_told, make_loader
from action_recognition.errors import user_error
from action_recognition.models.head import HEAD_PREFIX
from action_recognition.models.pretrained import sha256_of_tensors
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.template import BatchAugmentation, Template
from action_recognition.training.few_clips.feature_cache import FeatureCache
from action_recognition.training.step.augment import BatchAugment

FEATURES_VERSION = 1
"""Part of every key: raise it when the same template and weights would give other features."""
_BATCH_SIZE = 8
_TIMES_OF_A_CLIP = ("clip_start", "clip_end", "video_start", "video_end", "frame_rate_fps")
# Features (F,) and label of a view.
_Entry = tuple[npt.NDArray[np.float32], int]


@dataclass(frozen=True)
class View:
    """One view of a clip.

    Number 0 is the centre clip of evaluation. Each other number is another augmentation.
    """

    record: ClipRecord
    number: int


@dataclass(frozen=True)
class FeatureTable:
    """Features (N, F) float32 and labels (N,) int64 of the views that could be read.

    `num_cached` of them came from the cache. `damaged` are messages about clips that are left out.
    `places` (N,) are the numbers of the views among all that were asked for.
    """

    features: Tensor
    labels: Tensor
    num_cached: int
    damaged: tuple[str, ...]
    places: tuple[int, ...] = ()


class FeatureExtractor:
    """Computes features of views with the backbone and pooling of `network`.

    `template` prepares the clips, and `label_swaps` are as for `ClipDataset`. `source` gives the
    frames. `source_key` distinguishes sources that give other frames of the same files. The content
    of a view depends on its clip, the template, the seed and its number. It does not depend on the
    other clips of the run.
    """

    def __init__(
        self,
        network: Recogniser,
        template: Template,
        label_swaps: Mapping[int, int],
        seed: int,
        cache: FeatureCache,
        source: FrameSource | None = None,
        source_key: str = "",
    ) -> None:
        self.network, self.template, self.cache = network, template, cache
        self.source, self.source_key = source, source_key
        self.label_swaps, self.seed = dict(label_swaps), seed
        self.normalize = Normalize(template.frames.mean_values, template.frames.scale_values)
        self._weights_sha256 = sha256_of_backbone(network)

    def table(
        self,
        records: Sequence[ClipRecord],
        num_augmented: int,
        num_workers: int = 0,
        strict: bool = False,
    ) -> FeatureTable:
        """Return the features of every record's centre view and `num_augmented` other views.

        The rows follow the records, view by view. Features that were computed are written to the
        cache.

        Errors: UserError if no clip could be read, and with `strict` for the first damaged clip.
        """
        views = [View(record, number) for record in records for number in range(num_augmented + 1)]
        keys = [self.key(view) for view in views]
        cached = self._cached(keys)

        # Only views that are not in the cache are decoded.
        missing = [place for place in range(len(views)) if place not in cached]
        dataset = _Views([views[i] for i in missing], [keys[i] for i in missing], self)
        computed, damaged = self._compute(dataset, num_workers, strict)
        found = cached | {missing[index]: entry for index, entry in computed.items()}
        if not found:
            fix = "see the messages above"
            raise user_error("annotation files", "none of the clips could be read", fix=fix)

        self.cache.trim()
        places = tuple(sorted(found))
        features, labels = zip(*(found[place] for place in places), strict=True)
        stacked = torch.from_numpy(np.stack(features))
        return FeatureTable(stacked, torch.tensor(labels), len(cached), tuple(damaged), places)

    def _cached(self, keys: Sequence[str]) -> dict[int, _Entry]:
        """Read the entries of the keys by their places."""
        entries = ((place, self.cache.read(key)) for place, key in enumerate(keys))
        return {place: entry for place, entry in entries if entry is not None}

    @dead_workers_told()
    def _compute(
        self, dataset: _Views, num_workers: int, strict: bool
    ) -> tuple[dict[int, _Entry], list[str]]:
        """Compute and cache the features of views. Return them by index, and the damaged clips."""
        entries: dict[int, _Entry] = {}
        damaged: dict[str, None] = {}
        if not len(dataset.views):
            return entries, []

        device = next(self.network.parameters()).device
        sampler = ShareSampler(len(dataset.views))
        for batch in make_loader(dataset, _BATCH_SIZE, sampler, num_workers):
            for clip in batch.damaged:
                _report(clip, strict, damaged)
            if not len(batch.labels):
                continue

            # Each clip is in the cache before the next batch, so that an interruption loses little.
            rows = self._features(batch.clips.to(device)).cpu().numpy()
            places, labels = batch.indices.tolist(), batch.labels.tolist()
            for place, row, label in zip(places, rows, labels, strict=True):
                self.cache.write(dataset.keys[place], row, label)
                entries[place] = row, label
        return entries, list(damaged)

    def key(self, view: View) -> str:
        """Return the SHA-256 of everything on which the features of a view depend.

        A file that has changed is another clip.
        """
        record = view.record
        parts: dict[str, Any] = {
            "version": FEATURES_VERSION,
            "weights": self._weights_sha256,
            "file": _file_state(record),
            "clip": [getattr(record, name) for name in _TIMES_OF_A_CLIP],
            "label": record.label,
            "source": self.source_key,
            "input": self.template.input.model_dump(mode="json"),
            "view": view.number,
        }
        # The centre view does not depend on the augmentation.
        if view.number:
            parts |= self._augmentation_parts(record)
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _augmentation_parts(self, record: ClipRecord) -> dict[str, Any]:
        return {
            "augmentation": self.template.training.augmentation.model_dump(mode="json"),
            "seed": self.seed,
            "swapped": self.label_swaps.get(record.label),
        }

    def _features(self, clips: Tensor) -> Tensor:
        """Compute the features (N, F) float32 of clips (N, 3, T, H, W) uint8."""
        self.network.eval()

        # The batch may be on a GPU.
        normalize = self.normalize.to(clips.device)
        with torch.inference_mode():
            return self.network.features(normalize(clips)).float()


class _Views(ClipDataset):
    """A data set of views: index -> the clip as the network sees it, uint8.

    The random draws of a view follow from its key.
    """

    def __init__(
        self, views: Sequence[View], keys: Sequence[str], extractor: FeatureExtractor
    ) -> None:
        template, records = extractor.template, [view.record for view in views]
        super().__init__(
            records,
            template.frames,
            template.training.augmentation,
            extractor.label_swaps,
            source=extractor.source,
        )
        self.views, self.keys = views, keys

        # This augmentation works on batches, so it is applied after reading.
        batch = self.augmentation if isinstance(self.augmentation, BatchAugmentation) else None
        self.augment = BatchAugment(batch, template.frames.crop_size) if batch else None

    def __getitem__(self, key: ItemKey) -> Sample | DamagedClip:
        assert isinstance(key, int)
        view, seed = self.views[key], int(self.keys[key][:12], 16)

        # A data set of this clip alone, because its place in a list must not matter.
        augmentation = self.augmentation if view.number else None
        alone = ClipDataset(
            [view.record], self.clip_input, augmentation, self.label_swaps, seed, source=self.source
        )
        item = alone[(view.number, 0, 0)]

        if view.number and self.augment is not None and isinstance(item, Sample):
            moved = self.augment(item.clip.unsqueeze(0), torch.Generator().manual_seed(seed))[0]
            item = item._replace(clip=moved.round().to(torch.uint8))
        return item._replace(index=key)


def sha256_of_backbone(network: Recogniser) -> str:
    """Return the checksum of the weights that make the features: all but those of the head."""
    # The number of batches seen changes no feature.
    weights = {
        name: value
        for name, value in network.state_dict().items()
        if not name.startswith(HEAD_PREFIX) and not name.endswith("num_batches_tracked")
    }
    return sha256_of_tensors(weights)


def _file_state(record: ClipRecord) -> list[Any]:
    """Return path, size and time of change of a clip's file.

    A folder of frames has its number of files instead of a size.
    """
    path = record.path.resolve()

    # A file that is missing now is reported when it is read.
    try:
        status = path.stat()
        size = sum(1 for _ in path.iterdir()) if path.is_dir() else status.st_size
        return [str(path), size, status.st_mtime_ns]
    except OSError:
        return [str(path), None, None]


def _report(clip: DamagedClip, strict: bool, damaged: dict[str, None]) -> None:
    """Print the message of a damaged clip once. Errors: UserError with `strict`."""
    if strict:
        raise user_error("--strict", f"a clip could not be read: {clip.message}")
    if clip.message not in damaged:
        print(f"skipped: {clip.message}", file=sys.stderr, flush=True)
        damaged[clip.message] = None
