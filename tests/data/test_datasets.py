"""The data set: labels follow mirroring, randomness follows (seed, epoch, index) only, damaged clips never stop a worker."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.batches import Batch, DamagedClip, Sample, collate, make_loader
from action_recognition.data.clip_orders import (
    ClassBalancedSampler,
    EpochShuffleSampler,
    ShareSampler,
)
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.labels import label_swap_map
from action_recognition.data.transforms import Frames
from action_recognition.errors import UserError
from action_recognition.template import (
    Augmentation,
    BatchAugmentation,
    ClipInput,
    ReferenceAugmentation,
    load_template_dir,
)
from tests.conftest import template_dir
from tests.synthetic import (
    numbered_frames,
    read_frame_number,
    write_frame_folder,
    write_lines,
    write_video,
)

LABELS = ["left", "right", "stop"]
SWAPS = {0: 1, 1: 0}


@pytest.fixture(scope="module")
def clip_input() -> ClipInput:
    return load_template_dir(template_dir("jester"))[0].input.model_copy(
        update={"resize_short_side": 48, "crop_size": 48}
    )


@pytest.fixture(scope="module")
def augmentation() -> Augmentation:
    return load_template_dir(template_dir("jester"))[0].training.augmentation


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_video(folder / "a.mp4", numbered_frames(40, 48, 48))
    write_video(folder / "b.mp4", numbered_frames(30, 48, 48, first=100))
    write_frame_folder(folder / "frames", numbered_frames(20, 48, 48, first=200))
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


def dataset(
    root: Path,
    lines: list[str],
    clip_input: ClipInput,
    augmentation: Augmentation | None = None,
    seed: int = 0,
) -> ClipDataset:
    records = read_annotations([write_lines(root / "ann.txt", lines)], [root], LABELS)
    return ClipDataset(records, clip_input, augmentation, SWAPS, seed)


def shown_numbers(sample: Sample | DamagedClip) -> list[int]:
    assert isinstance(sample, Sample)
    return [read_frame_number(frame) for frame in sample.clip.permute(1, 2, 3, 0).numpy()]


def test_evaluation_clips_are_the_centre_frames(root: Path, clip_input: ClipInput) -> None:
    clips = dataset(root, ["a.mp4 2 4 36 0 40 30", "b.mp4 0", "frames 1"], clip_input)
    assert [shown_numbers(clips[i]) for i in range(3)] == [
        list(range(12, 28, 2)),  # start (4 + 21) // 2
        list(range(107, 123, 2)),  # two columns: all 30 frames, 30 fps from the file
        list(range(206, 214)),  # a folder without a rate: the model's, every frame
    ]
    sample = clips[1]
    assert isinstance(sample, Sample)
    assert (
        sample.clip.shape == (3, 8, 48, 48)
        and sample.clip.dtype == torch.uint8
        and sample.clip.is_contiguous()
    )
    assert (sample.label, sample.index) == (0, 1)


def test_training_clips_are_a_function_of_seed_epoch_and_index(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    lines = ["a.mp4 0", "b.mp4 1"]
    clips, again = (dataset(root, lines, clip_input, augmentation, seed=3) for _ in range(2))
    other_seed = dataset(root, lines, clip_input, augmentation, seed=4)
    clip = clips[5, 1, 0].clip  # type: ignore[union-attr]
    np.random.seed(99)
    assert torch.equal(clip, again[5, 1, 0].clip)  # type: ignore[union-attr]
    assert not torch.equal(clip, again[6, 1, 0].clip)  # type: ignore[union-attr]
    assert not torch.equal(clip, other_seed[5, 1, 0].clip)  # type: ignore[union-attr]


@pytest.mark.parametrize(("label", "mirrored_label"), [(0, 1), (1, 0), (2, 2)])
def test_mirroring_swaps_labels_both_ways(
    root: Path, clip_input: ClipInput, augmentation: Augmentation, label: int, mirrored_label: int
) -> None:
    half_white = np.zeros((40, 48, 48, 3), np.uint8)
    half_white[:, :, 24:] = 255
    write_video(root / "half.mp4", half_white)
    clips = dataset(root, [f"half.mp4 {label}"], clip_input, augmentation)
    seen: Counter[bool] = Counter()
    for epoch in range(60):
        sample = clips[epoch, 0, 0]
        assert isinstance(sample, Sample)
        mirrored = bool(sample.clip[..., :8].float().mean() > sample.clip[..., -8:].float().mean())
        assert sample.label == (mirrored_label if mirrored else label)
        seen[mirrored] += 1
    assert min(seen[True], seen[False]) >= 15  # probability 0.5


def test_no_mirroring_without_probability(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    flip = augmentation.flip.model_copy(update={"probability": 0.0})
    clips = dataset(root, ["a.mp4 0"], clip_input, augmentation.model_copy(update={"flip": flip}))
    assert {clips[epoch, 0, 0].label for epoch in range(20)} == {0}  # type: ignore[union-attr]


def test_batch_augmentation_gets_a_canvas_around_the_crop_of_evaluation(
    root: Path, clip_input: ClipInput
) -> None:
    config = batch_augmentation(temporal_jitter=False, temporal_speed_max=1.0)
    line = ["a.mp4 1 12 27 0 40 30"]  # one window only
    canvas, crop = (
        dataset(root, line, clip_input, config)[0, 0, 0],
        dataset(root, line, clip_input)[0],
    )
    assert isinstance(canvas, Sample) and isinstance(crop, Sample)
    assert canvas.clip.shape == (3, 8, 62, 62) and canvas.clip.dtype == torch.uint8
    assert torch.equal(canvas.clip[..., 7:-7, 7:-7], crop.clip)
    assert torch.equal(
        canvas.clip[..., :8, 20:30], canvas.clip[..., 7:8, 20:30].expand(-1, -1, 8, -1)
    )  # repeated edges


def test_batch_augmentation_draws_frames_and_mirrors_in_the_worker(
    root: Path, clip_input: ClipInput
) -> None:
    config = batch_augmentation(
        temporal_jitter=True, temporal_speed_max=1.5, flip={"probability": 0.5, "label_swaps": {}}
    )
    clips = dataset(root, ["a.mp4 0"], clip_input, config, seed=3)
    samples = [clips[epoch, 0, 0] for epoch in range(30)]
    assert {sample.label for sample in samples} == {0, 1}  # type: ignore[union-attr]
    windows = {
        tuple(shown_numbers(sample._replace(clip=sample.clip[..., 7:-7, 7:-7])))
        for sample in samples
        if sample.label == 0
    }  # type: ignore[union-attr]
    assert len(windows) > 5 and len({window[1] - window[0] for window in windows}) > 1
    assert torch.equal(clips[4, 0, 0].clip, samples[4].clip)  # type: ignore[union-attr]


@pytest.mark.parametrize("ingredient", ["rotate", "block_dropout", "photometric"])
def test_each_ingredient_of_the_reference_recipe_changes_the_clip(
    root: Path, clip_input: ClipInput, augmentation: Augmentation, ingredient: str
) -> None:
    """Also: none of them changes what is drawn before it, and with all of them left out only crop and mirror remain."""
    order = ["rotate", "block_dropout", "photometric"]
    kept = {
        name: value for name, value in augmentation.model_dump().items() if name not in order
    } | dict.fromkeys(order)
    certain = {
        "rotate": {"degrees": 10.0, "probability": 1.0},
        "block_dropout": {"cell_share": 0.2, "probability": 0.3},
        "photometric": augmentation.model_dump()["photometric"] | {"probability": 1.0},
    }
    write_video(root / "grey.mp4", np.full((40, 48, 48, 3), 120, np.uint8))
    configs = [
        ReferenceAugmentation.model_validate(kept | extra)
        for extra in ({}, {ingredient: certain[ingredient]})
    ]
    without, with_it = (
        dataset(root, ["grey.mp4 0"], clip_input, config)[0, 0, 0].clip.int() for config in configs
    )  # type: ignore[union-attr]
    assert int(without.max() - without.min()) <= 2
    change = (with_it - without).abs().amax(0)
    assert change.max() > 5
    if ingredient == "rotate":
        assert (
            change[:, 20:28, 20:28].max() <= 2
            and with_it[:, :, [0, 0, -1, -1], [0, -1, 0, -1]].amin() < 60
        )  # black in a corner
    elif ingredient == "block_dropout":
        assert ((change == 0) | (with_it.amax(0) == 0)).all()
    else:
        assert with_it.float().std() <= 2  # one colour change for the whole clip


def batch_augmentation(**changes: Any) -> BatchAugmentation:
    names = (
        "rotate_degrees",
        "shift",
        "brightness",
        "contrast",
        "gamma",
        "saturation",
        "tint",
        "grey_probability",
        "erase_probability",
    )
    nothing = dict.fromkeys(names, 0.0) | dict.fromkeys(
        ("scale_min", "scale_max", "aspect_max"), 1.0
    )
    flip = {"probability": 0.0, "label_swaps": {}}
    return BatchAugmentation.model_validate({"type": "batch", "flip": flip} | nothing | changes)


def test_a_damaged_clip_names_line_and_file(root: Path, clip_input: ClipInput) -> None:
    clips = dataset(root, ["a.mp4 0", "broken.mp4 1"], clip_input)
    damaged = clips[1]
    assert isinstance(damaged, DamagedClip) and damaged.index == 1
    assert (
        damaged.message.startswith(f"{root / 'ann.txt'}:2: ")
        and str(root / "broken.mp4") in damaged.message
    )


def test_a_range_beyond_the_video_names_its_real_length(root: Path, clip_input: ClipInput) -> None:
    damaged = dataset(root, ["a.mp4 0 0 40 0 41 30"], clip_input)[0]
    assert isinstance(damaged, DamagedClip)
    assert (
        "ann.txt:1: " in damaged.message
        and "a.mp4: the line ends the video at frame 41, it has 40 frames" in damaged.message
    )


def test_our_own_mistakes_are_not_called_damage(
    root: Path, clip_input: ClipInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("action_recognition.data.datasets.fitted_clip", broken)
    with pytest.raises(ZeroDivisionError):
        _ = dataset(root, ["a.mp4 0"], clip_input)[0]


def test_batches_leave_damaged_clips_out(root: Path, clip_input: ClipInput) -> None:
    clips = dataset(root, ["a.mp4 2", "broken.mp4 1", "b.mp4 1"], clip_input)
    batch = collate([clips[i] for i in range(3)])
    assert batch.clips.shape == (2, 3, 8, 48, 48) and batch.clips.dtype == torch.uint8
    assert (
        batch.labels.tolist() == [2, 1]
        and batch.indices.tolist() == [0, 2]
        and batch.labels.dtype == torch.int64
    )
    assert [damaged.index for damaged in batch.damaged] == [1]
    empty = collate([clips[1], clips[1]])
    assert (
        len(empty.clips) == len(empty.labels) == len(empty.indices) == 0 and len(empty.damaged) == 2
    )
    assert empty.clips.ndim == 5 and empty.labels.dtype == torch.int64


@pytest.mark.parametrize("context", ["fork", "spawn"])
def test_workers_give_the_same_batches(
    root: Path, clip_input: ClipInput, augmentation: Augmentation, context: str
) -> None:
    clips = dataset(
        root,
        ["a.mp4 0", "b.mp4 1", "broken.mp4 1", "frames 2", "a.mp4 2"],
        clip_input,
        augmentation,
        seed=7,
    )

    def epoch_batches(num_workers: int) -> list[Batch]:
        sampler = EpochShuffleSampler(len(clips), seed=7)
        loader = make_loader(clips, 2, sampler, num_workers)
        if num_workers:
            loader.multiprocessing_context = context
        batches = []
        for epoch in (3, 4):  # the second epoch through the same workers
            sampler.set_epoch(epoch)
            batches += list(loader)
        return batches

    alone, with_workers = epoch_batches(0), epoch_batches(1)
    assert len(alone) == 6
    for one, two in zip(alone, with_workers, strict=True):
        assert (
            torch.equal(one.clips, two.clips)
            and torch.equal(one.labels, two.labels)
            and torch.equal(one.indices, two.indices)
        )
        assert one.damaged == two.damaged


def test_the_data_set_can_be_pickled(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    clips = dataset(root, ["a.mp4 0"], clip_input, augmentation)
    copied = pickle.loads(pickle.dumps(clips))
    assert torch.equal(copied[2, 0, 0].clip, clips[2, 0, 0].clip)  # type: ignore[union-attr]


def test_swaps_hold_both_ways_and_only_for_labels_in_use() -> None:
    assert label_swap_map({"left": "right", "up": "down"}, LABELS) == SWAPS
    assert label_swap_map({"left": "right", "right": "left"}, LABELS) == SWAPS
    assert label_swap_map({}, LABELS) == {}
    with pytest.raises(
        UserError,
        match=r"'rigth' of \('left', 'rigth'\) is no label of this run, did you mean 'right'\?",
    ):
        label_swap_map({"left": "rigth"}, LABELS)
    with pytest.raises(UserError, match="swaps with another label too"):
        label_swap_map({"left": "right", "right": "stop"}, LABELS)


@pytest.mark.parametrize(("num_clips", "world_size"), [(10, 1), (10, 3), (2, 5), (12, 4)])
def test_training_shares_are_equal_and_cover_every_clip(num_clips: int, world_size: int) -> None:
    samplers = [EpochShuffleSampler(num_clips, 5, rank, world_size) for rank in range(world_size)]
    shares = [list(sampler) for sampler in samplers]
    assert {len(share) for share in shares} == {len(samplers[0])} == {-(-num_clips // world_size)}
    counts = Counter(index for share in shares for _, index, _ in share)
    assert set(counts) == set(range(num_clips))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_training_order_changes_with_epoch_and_seed_only() -> None:
    sampler = EpochShuffleSampler(50, seed=1)
    first = list(sampler)
    assert first == list(EpochShuffleSampler(50, seed=1)) == list(sampler)
    sampler.set_epoch(1)
    assert {epoch for epoch, _, _ in sampler} == {1}
    orders = [
        [index for _, index, _ in order]
        for order in (first, sampler, EpochShuffleSampler(50, seed=2))
    ]
    assert orders[0] != orders[1] and orders[0] != orders[2] and orders[0] != list(range(50))


@pytest.mark.parametrize("world_size", [1, 3])
def test_balanced_sampling_gives_every_class_equally_often(world_size: int) -> None:
    labels = [0] * 2 + [3] * 30 + [5] * 11  # no clip of the other classes
    plain = EpochShuffleSampler(len(labels), 5, 0, world_size)
    for epoch in range(4):
        samplers = [ClassBalancedSampler(labels, 5, rank, world_size) for rank in range(world_size)]
        for sampler in samplers:
            sampler.set_epoch(epoch)
        shares = [list(sampler) for sampler in samplers]
        assert {len(share) for share in shares} == {len(samplers[0])} == {len(plain)}
        counts = Counter(index for share in shares for _, index, _ in share)
        by_class = Counter(
            {
                label: sum(counts[i] for i in range(len(labels)) if labels[i] == label)
                for label in (0, 3, 5)
            }
        )
        assert (
            max(by_class.values()) - min(by_class.values()) <= 1
            and sum(by_class.values()) == len(plain) * world_size
        )
        for label in (0, 3, 5):
            times = [counts[i] for i in range(len(labels)) if labels[i] == label]
            assert max(times) - min(times) <= 1
        drawn = [labels[index] for _, index, _ in shares[0]]
        assert drawn != sorted(drawn)


def test_balanced_orders_change_with_epoch_and_seed_only() -> None:
    labels = [0] * 4 + [1] * 20
    sampler = ClassBalancedSampler(labels, seed=1, clips_per_video=2)
    first = list(sampler)
    assert first == list(ClassBalancedSampler(labels, seed=1, clips_per_video=2)) == list(sampler)
    assert len(first) == len(sampler) == 48
    assert all(
        one[:2] == two[:2] and (one[2], two[2]) == (0, 1)
        for one, two in zip(first[::2], first[1::2], strict=True)
    )
    sampler.set_epoch(1)
    second, other_seed = (
        list(sampler),
        list(ClassBalancedSampler(labels, seed=2, clips_per_video=2)),
    )
    assert [key[1] for key in first] != [key[1] for key in second] and first != other_seed
    seen: set[int] = set()
    for epoch in range(12):  # which clips of the frequent class come changes too
        sampler.set_epoch(epoch)
        seen |= {index for _, index, _ in sampler}
    assert seen == set(range(24))


def test_clips_of_one_video_follow_each_other_and_differ(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    keys = list(EpochShuffleSampler(5, seed=1, clips_per_video=2))
    assert len(keys) == len(EpochShuffleSampler(5, seed=1, clips_per_video=2)) == 10
    assert all(
        first[:2] == second[:2] and (first[2], second[2]) == (0, 1)
        for first, second in zip(keys[::2], keys[1::2], strict=True)
    )
    clips = dataset(root, ["a.mp4 0"], clip_input, augmentation)
    assert not torch.equal(clips[0, 0, 0].clip, clips[0, 0, 1].clip)  # type: ignore[union-attr]


def test_clips_of_one_video_are_read_together_and_are_what_they_are_alone(
    root: Path, clip_input: ClipInput, augmentation: Augmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = dataset(
        root,
        ["a.mp4 0 0 40 0 40 30", "b.mp4 1", "broken.mp4 2 0 9 0 9 30"],
        clip_input,
        augmentation,
    )
    keys = [(2, index, number) for index in (0, 1, 2) for number in (0, 1)]
    alone = [clips[key] for key in keys]
    reads: list[int] = []
    read = clips.source.read

    def counted(record: ClipRecord, places: Sequence[int]) -> Frames:
        reads.append(len(places))
        return read(record, places)

    monkeypatch.setattr(clips.source, "read", counted)
    together = clips.__getitems__(keys)
    assert reads == [16, 16]  # both clips of 8 frames in one pass
    for one, other in zip(alone, together, strict=True):
        assert type(one) is type(other) and one.index == other.index
        if isinstance(one, Sample) and isinstance(other, Sample):
            assert torch.equal(one.clip, other.clip) and one.label == other.label
    monkeypatch.setattr(
        "action_recognition.data.datasets._KEY_FRAME_DISTANCE", 1
    )  # then they are far from each other
    far = clips.__getitems__(keys[:2])
    assert reads[2:] == [8, 8] and [shown_numbers(clip) for clip in far] == [
        shown_numbers(clip) for clip in alone[:2]
    ]


def test_a_video_with_a_damaged_clip_gives_none_to_the_batch() -> None:
    whole = [Sample(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), 0, index) for index in (4, 4, 7)]
    batch = collate([*whole, DamagedClip(7, "gone")])
    assert batch.indices.tolist() == [4, 4]


@pytest.mark.parametrize(("num_clips", "world_size"), [(10, 1), (10, 3), (2, 5)])
def test_evaluation_counts_each_clip_exactly_once(num_clips: int, world_size: int) -> None:
    shares = [list(ShareSampler(num_clips, rank, world_size)) for rank in range(world_size)]
    assert [len(share) for share in shares] == [
        len(ShareSampler(num_clips, rank, world_size)) for rank in range(world_size)
    ]
    assert sorted(index for share in shares for index in share) == list(range(num_clips))


def test_real_clips_are_read(real_data: Path, clip_input: ClipInput) -> None:
    folder = real_data / "extra_jester20"
    labels = load_template_dir(template_dir("jester"))[0].labels
    records = read_annotations([Path("test.txt")], [folder], labels)
    samples = [ClipDataset(records, clip_input)[i] for i in range(len(records))]
    assert len(samples) == 20 and all(isinstance(sample, Sample) for sample in samples)


def test_random_clips_say_which_frames_lie_within_the_annotated_clip(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    """A window of 8 frames, every second one of the video's, around a clip of 6."""
    assert isinstance(augmentation, ReferenceAugmentation)
    flip = augmentation.flip.model_copy(update={"probability": 0.0})
    changes = {
        "rotate": None,
        "block_dropout": None,
        "photometric": None,
        "crop_scale_min": 1.0,
        "flip": flip,
    }
    clips = dataset(
        root, ["a.mp4 2 16 22 0 40 30"], clip_input, augmentation.model_copy(update=changes)
    )
    sample = clips[0, 0, 0]
    assert isinstance(sample, Sample) and sample.inside is not None
    assert sample.inside.tolist() == [16 <= number < 22 for number in shown_numbers(sample)]
    assert 0 < int(sample.inside.sum()) < 8
    batch = collate([sample, sample])
    assert batch.inside is not None and batch.inside.shape == (2, 8)
    assert collate([sample, sample._replace(inside=None)]).inside is None


@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)"])
def test_a_process_ends_though_a_loader_is_in_use(ending: str) -> None:
    program = f"""
import torch
from action_recognition.data.batches import Sample, make_loader

class Clips:
    def __len__(self): return 8
    def __getitem__(self, key): return Sample(torch.zeros(3, 1, 2, 2, dtype=torch.uint8), 0, key)

in_use = [iter(make_loader(Clips(), 2, range(8), num_workers=2))]
next(in_use[0])
in_use.append(in_use)  # a cycle, as an exception's traceback is
{ending}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (3 if ending else 0, "")
