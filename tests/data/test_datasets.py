"""The data set: labels follow mirroring, and randomness follows (seed, epoch, index) only.

Damaged clips never stop a worker.
"""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from action_recognition.data.annotations import ClipRecord, read_annotations
from action_recognition.data.batches import DamagedClip, Sample, collate
from action_recognition.data.clip_orders import (
    EpochShuffleSampler,
)
from action_recognition.data.datasets import ClipDataset
from action_recognition.data.transforms import Frames
from action_recognition.template import (
    Augmentation,
    ClipInput,
    ReferenceAugmentation,
    load_template_dir,
)
from tests.conftest import template_dir
from tests.data.clip_sets import batch_augmentation, dataset, shown_numbers
from tests.synthetic import (
    write_video,
)


def test_evaluation_clips_are_the_centre_frames(root: Path, clip_input: ClipInput) -> None:
    """Seven columns, two columns and a frame folder give their centre windows."""
    clips = dataset(root, ["a.mp4 2 4 36 0 40 30", "b.mp4 0", "frames 1"], clip_input)

    assert [shown_numbers(clips[i]) for i in range(3)] == [
        list(range(12, 28, 2)),  # start (4 + 21) // 2
        list(range(107, 123, 2)),  # two columns: all 30 frames, 30 fps from the file
        list(range(206, 214)),  # a folder without a rate: the model's, every frame
    ]
    sample = clips[1]
    assert isinstance(sample, Sample)
    assert sample.clip.shape == (3, 8, 48, 48) and sample.clip.dtype == torch.uint8
    assert sample.clip.is_contiguous()
    assert (sample.label, sample.index) == (0, 1)


def test_training_clips_are_a_function_of_seed_epoch_and_index(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    """numpy's global generator changes nothing."""
    lines = ["a.mp4 0", "b.mp4 1"]
    # Two equal data sets, and one of another seed.
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
    """Mirrored clips have the partner's label, about half of all."""
    # White on the right: the mean of both sides tells whether a clip is mirrored.
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
    """With probability 0 every clip keeps its label."""
    flip = augmentation.flip.model_copy(update={"probability": 0.0})
    clips = dataset(root, ["a.mp4 0"], clip_input, augmentation.model_copy(update={"flip": flip}))
    assert {clips[epoch, 0, 0].label for epoch in range(20)} == {0}  # type: ignore[union-attr]


def test_batch_augmentation_gets_a_canvas_around_the_crop_of_evaluation(
    root: Path, clip_input: ClipInput
) -> None:
    """The crop of evaluation is the canvas without its margin."""
    config = batch_augmentation(temporal_jitter=False, temporal_speed_max=1.0)
    line = ["a.mp4 1 12 27 0 40 30"]  # one window only
    canvas = dataset(root, line, clip_input, config)[0, 0, 0]
    crop = dataset(root, line, clip_input)[0]
    assert isinstance(canvas, Sample) and isinstance(crop, Sample)
    assert canvas.clip.shape == (3, 8, 62, 62) and canvas.clip.dtype == torch.uint8
    assert torch.equal(canvas.clip[..., 7:-7, 7:-7], crop.clip)

    # Outside of the picture its edge is repeated.
    edge = canvas.clip[..., 7:8, 20:30].expand(-1, -1, 8, -1)
    assert torch.equal(canvas.clip[..., :8, 20:30], edge)


def test_batch_augmentation_draws_frames_and_mirrors_in_the_worker(
    root: Path, clip_input: ClipInput
) -> None:
    """Windows differ in place and speed, labels in mirroring."""
    config = batch_augmentation(
        temporal_jitter=True, temporal_speed_max=1.5, flip={"probability": 0.5, "label_swaps": {}}
    )
    clips = dataset(root, ["a.mp4 0"], clip_input, config, seed=3)
    samples = [clips[epoch, 0, 0] for epoch in range(30)]

    assert {sample.label for sample in samples} == {0, 1}  # type: ignore[union-attr]
    # The pictures show their numbers where the canvas has its crop.
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
    """None changes what is drawn before it. Without all of them only crop and mirror remain."""
    kept = augmentation.model_dump() | dict.fromkeys(["rotate", "block_dropout", "photometric"])
    certain = {
        "rotate": {"degrees": 10.0, "probability": 1.0},
        "block_dropout": {"cell_share": 0.2, "probability": 0.3},
        "photometric": augmentation.model_dump()["photometric"] | {"probability": 1.0},
    }
    # On grey, only the ingredient makes a difference.
    write_video(root / "grey.mp4", np.full((40, 48, 48, 3), 120, np.uint8))
    clips = []
    for extra in ({}, {ingredient: certain[ingredient]}):
        config = ReferenceAugmentation.model_validate(kept | extra)
        sample = dataset(root, ["grey.mp4 0"], clip_input, config)[0, 0, 0]
        assert isinstance(sample, Sample)
        clips.append(sample.clip.int())

    without, with_it = clips
    assert int(without.max() - without.min()) <= 2
    change = (with_it - without).abs().amax(0)
    assert change.max() > 5
    if ingredient == "rotate":
        corners = with_it[:, :, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert change[:, 20:28, 20:28].max() <= 2 and corners.amin() < 60
    elif ingredient == "block_dropout":
        # Each pixel is untouched or black.
        assert ((change == 0) | (with_it.amax(0) == 0)).all()
    else:
        assert with_it.float().std() <= 2  # one colour change for the whole clip


def test_a_damaged_clip_names_line_and_file(root: Path, clip_input: ClipInput) -> None:
    """A clip that cannot be read is an item with a message."""
    clips = dataset(root, ["a.mp4 0", "broken.mp4 1"], clip_input)
    damaged = clips[1]
    assert isinstance(damaged, DamagedClip) and damaged.index == 1
    assert damaged.message.startswith(f"{root / 'ann.txt'}:2: ")
    assert str(root / "broken.mp4") in damaged.message


def test_a_range_beyond_the_video_names_its_real_length(root: Path, clip_input: ClipInput) -> None:
    """A line that is too long tells the length of the video."""
    damaged = dataset(root, ["a.mp4 0 0 40 0 41 30"], clip_input)[0]
    assert isinstance(damaged, DamagedClip)
    assert "ann.txt:1: " in damaged.message
    assert "a.mp4: the line ends the video at frame 41, but it has 40 frames" in damaged.message


def test_our_own_mistakes_are_not_called_damage(
    root: Path, clip_input: ClipInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Errors other than UserError are raised."""

    def broken(*_: object) -> None:
        """Fail as a bug would."""
        raise ZeroDivisionError

    monkeypatch.setattr("action_recognition.data.datasets.fitted_clip", broken)
    with pytest.raises(ZeroDivisionError):
        _ = dataset(root, ["a.mp4 0"], clip_input)[0]


def test_the_data_set_can_be_pickled(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    """A copy in another process gives the same clips."""
    clips = dataset(root, ["a.mp4 0"], clip_input, augmentation)
    copied = pickle.loads(pickle.dumps(clips))
    assert torch.equal(copied[2, 0, 0].clip, clips[2, 0, 0].clip)  # type: ignore[union-attr]


def test_clips_of_one_video_follow_each_other_and_differ(
    root: Path, clip_input: ClipInput, augmentation: Augmentation
) -> None:
    """Two clips per video have keys 0 and 1 and other frames."""
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
    """One pass gives both clips of a video, unless they are far from each other."""
    lines = ["a.mp4 0 0 40 0 40 30", "b.mp4 1", "broken.mp4 2 0 9 0 9 30"]
    clips = dataset(root, lines, clip_input, augmentation)
    # Two clips of each video, the third of which is broken.
    keys = [(2, index, number) for index in (0, 1, 2) for number in (0, 1)]
    alone = [clips[key] for key in keys]
    reads: list[int] = []
    read = clips.source.read

    def counted(record: ClipRecord, places: Sequence[int]) -> Frames:
        """Read, and remember how many frames were asked for."""
        reads.append(len(places))
        return read(record, places)

    monkeypatch.setattr(clips.source, "read", counted)
    together = clips.__getitems__(keys)
    assert reads == [16, 16]  # both clips of 8 frames in one pass
    for one, other in zip(alone, together, strict=True):
        assert type(one) is type(other) and one.index == other.index
        if isinstance(one, Sample) and isinstance(other, Sample):
            assert torch.equal(one.clip, other.clip) and one.label == other.label

    # With a small distance they are far from each other.
    monkeypatch.setattr("action_recognition.data.datasets._KEY_FRAME_DISTANCE", 1)
    far = clips.__getitems__(keys[:2])
    assert reads[2:] == [8, 8]
    assert [*map(shown_numbers, far)] == [*map(shown_numbers, alone[:2])]


def test_real_clips_are_read(real_data: Path, clip_input: ClipInput) -> None:
    """20 clips of the Jester data set become samples."""
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
    nothing = dict.fromkeys(["rotate", "block_dropout", "photometric"])
    plain = augmentation.model_copy(update=nothing | {"crop_scale_min": 1.0, "flip": flip})
    clips = dataset(root, ["a.mp4 2 16 22 0 40 30"], clip_input, plain)

    sample = clips[0, 0, 0]
    assert isinstance(sample, Sample) and sample.inside is not None
    # The clip is 16 to 22.
    assert sample.inside.tolist() == [16 <= number < 22 for number in shown_numbers(sample)]
    assert 0 < int(sample.inside.sum()) < 8
    batch = collate([sample, sample])
    assert batch.inside is not None and batch.inside.shape == (2, 8)
    assert collate([sample, sample._replace(inside=None)]).inside is None
