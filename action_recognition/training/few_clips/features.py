"""Backbone features of clips, each in a centre view and a few augmented ones, from the cache where it has them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from action_recognition.data.annotations import ClipRecord
from action_recognition.data.datasets import (
    ClipDataset,
    DamagedClip,
    ItemKey,
    Sample,
    ShareSampler,
    make_loader,
)
from action_recognition.data.frame_source import FrameSource
from action_recognition.errors import user_error
from action_recognition.models.recogniser import Normalize, Recogniser
from action_recognition.template import BatchAugmentation, Template
from action_recognition.training.few_clips.feature_cache import FeatureCache
from action_recognition.training.step.augment import BatchAugment

FEATURES_VERSION = 1
"""Part of every key: raise it when the same template and weights would give other features."""
_BATCH_SIZE = 8


@dataclass(frozen=True)
class View:
    """One way to look at a clip: number 0 is evaluation's centre clip, each other one an augmentation of its own."""

    record: ClipRecord
    number: int


@dataclass(frozen=True)
class FeatureTable:
    """Features (N, F) float32 and labels (N,) int64 of the views that could be read; how many came from the cache; damaged clips."""

    features: Tensor
    labels: Tensor
    num_cached: int
    damaged: tuple[str, ...]


class FeatureExtractor:
    """The backbone and pooling of `network` over views, as `template` prepares clips; `label_swaps` as for `ClipDataset`.

    `source` gives the frames, `source_key` tells apart sources that give other frames of the same files. What a view shows follows from
    the clip, the template, the seed and the view's number: not from which other clips are in the run.
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
        self.normalize = Normalize(template.input.mean_values, template.input.scale_values)
        self._weights_sha256 = sha256_of_backbone(network)

    def table(
        self,
        records: Sequence[ClipRecord],
        num_augmented: int,
        num_workers: int = 0,
        strict: bool = False,
    ) -> FeatureTable:
        """The centre view and `num_augmented` others of every record, clip by clip; what is computed is written to the cache."""
        views = [View(record, number) for record in records for number in range(num_augmented + 1)]
        keys = [self.key(view) for view in views]
        found = {
            place: entry
            for place, key in enumerate(keys)
            if (entry := self.cache.read(key)) is not None
        }
        num_cached = len(found)
        damaged: dict[str, None] = {}
        missing = [place for place in range(len(views)) if place not in found]
        dataset = _Views(
            [views[place] for place in missing], [keys[place] for place in missing], self
        )
        device = next(self.network.parameters()).device
        for batch in (
            make_loader(dataset, _BATCH_SIZE, ShareSampler(len(missing)), num_workers)
            if missing
            else ()
        ):
            for clip in batch.damaged:
                _report(clip, strict, damaged)
            rows = self._features(batch.clips.to(device)) if len(batch.labels) else ()
            for index, row, label in zip(
                batch.indices.tolist(), rows, batch.labels.tolist(), strict=True
            ):
                features = row.cpu().numpy()
                self.cache.write(keys[missing[index]], features, label)
                found[missing[index]] = features, label
        if not found:
            raise user_error(
                "annotation files", "none of the clips could be read", fix="see the messages above"
            )
        self.cache.trim()
        entries = [found[place] for place in sorted(found)]
        features = torch.from_numpy(np.stack([features for features, _ in entries]))
        return FeatureTable(
            features, torch.tensor([label for _, label in entries]), num_cached, tuple(damaged)
        )

    def key(self, view: View) -> str:
        """What the features of a view depend on, as one sha256; a changed file is another clip."""
        training = self.template.training
        parts: dict[str, Any] = {
            "version": FEATURES_VERSION,
            "weights": self._weights_sha256,
            "file": _file_state(view.record),
            "clip": [
                getattr(view.record, name)
                for name in ("clip_start", "clip_end", "video_start", "video_end", "frame_rate_fps")
            ],
            "label": view.record.label,
            "source": self.source_key,
            "input": self.template.input.model_dump(mode="json"),
            "view": view.number,
        }
        if view.number:
            swapped = self.label_swaps.get(view.record.label)
            parts |= {
                "augmentation": training.augmentation.model_dump(mode="json"),
                "seed": self.seed,
                "swapped": swapped,
            }
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def _features(self, clips: Tensor) -> Tensor:
        self.network.eval()
        normalize = self.normalize.to(clips.device)
        with torch.inference_mode():
            return self.network.features(normalize(clips)).float()


class _Views(ClipDataset):
    """Views as a data set: index -> the clip as the network sees it, uint8. What is drawn for a view follows from its key."""

    def __init__(
        self, views: Sequence[View], keys: Sequence[str], extractor: FeatureExtractor
    ) -> None:
        template, records = extractor.template, [view.record for view in views]
        super().__init__(
            records,
            template.input,
            template.training.augmentation,
            extractor.label_swaps,
            source=extractor.source,
        )
        self.views, self.keys = views, keys
        batch = self.augmentation if isinstance(self.augmentation, BatchAugmentation) else None
        self.augment = BatchAugment(batch, template.input.crop_size) if batch else None

    def __getitem__(self, key: ItemKey) -> Sample | DamagedClip:
        assert isinstance(key, int)
        view, seed = self.views[key], int(self.keys[key][:12], 16)
        # A data set of this clip alone, since its place in a list must not matter.
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
    """Of names, shapes and values of all that the features come from; the head is left out."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        if not name.startswith("head.") and not name.endswith("num_batches_tracked"):
            digest.update(f"{name} {tuple(value.shape)} {value.dtype}\n".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _file_state(record: ClipRecord) -> list[Any]:
    """Path, size and time of change; of a folder of frames its number of files instead of a size."""
    path = record.path.resolve()
    try:
        status = path.stat()
        size = sum(1 for _ in path.iterdir()) if path.is_dir() else status.st_size
        return [str(path), size, status.st_mtime_ns]
    except OSError:
        return [str(path), None, None]


def _report(clip: DamagedClip, strict: bool, damaged: dict[str, None]) -> None:
    if strict:
        raise user_error("--strict", f"a clip could not be read: {clip.message}")
    if clip.message not in damaged:
        print(f"skipped: {clip.message}", file=sys.stderr, flush=True)
        damaged[clip.message] = None
