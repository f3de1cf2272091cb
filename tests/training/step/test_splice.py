"""Clips that begin after the end of another."""

from __future__ import annotations

import torch

from action_recognition.training.step.splice import splice_clips, step_targets


def numbered(number: int, num_frames: int) -> torch.Tensor:
    """Frame f of clip n has the value 100 n + f."""
    values = 100 * torch.arange(number).view(-1, 1) + torch.arange(num_frames)
    return values.view(number, 1, num_frames, 1, 1).expand(-1, 3, -1, 2, 2)


def test_a_spliced_clip_is_anothers_end_and_then_its_own_beginning() -> None:
    clips, labels = numbered(6, 8), torch.arange(6)
    whole = step_targets(labels, None, num_frames=8, frames_per_step=2)
    spliced, targets = splice_clips(
        clips, whole, probability=1.0, generator=torch.Generator().manual_seed(0)
    )
    assert spliced.shape == clips.shape and targets.shape == (6, 4)
    for index in range(6):
        frames = spliced[index, 0, :, 0, 0].tolist()
        lead = (targets[index] == -1).sum().item()
        assert 1 <= lead <= 2 and targets[index].tolist() == [-1] * lead + [index] * (4 - lead)
        other = frames[0] // 100
        assert other != index
        assert frames == [100 * other + 8 - 2 * lead + f for f in range(2 * lead)] + [
            100 * index + f for f in range(8 - 2 * lead)
        ]


def test_without_probability_or_partner_clips_stay_as_they_are() -> None:
    for number, probability in ((4, 0.0), (1, 1.0)):
        clips = numbered(number, 4)
        generator = torch.Generator().manual_seed(0)
        whole = step_targets(torch.arange(number), None, num_frames=4, frames_per_step=1)
        spliced, targets = splice_clips(clips, whole, probability=probability, generator=generator)
        assert torch.equal(spliced, clips)
        assert targets.tolist() == [[index] * 4 for index in range(number)]


def test_what_is_drawn_follows_from_the_generator() -> None:
    whole = step_targets(torch.arange(5), None, num_frames=8, frames_per_step=1)
    drawn = [
        splice_clips(
            numbered(5, 8), whole, probability=0.5, generator=torch.Generator().manual_seed(seed)
        )[1]
        for seed in (1, 1, 2)
    ]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])


def test_steps_outside_the_annotated_clip_have_another_label_or_none() -> None:
    inside = torch.tensor(
        [[0, 0, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1], [0, 0, 0, 1, 0, 0, 0, 0]]
    ).bool()
    labels = torch.tensor([3, 4, 5])
    targets = step_targets(labels, inside, num_frames=8, frames_per_step=2, before=9)
    assert targets.tolist() == [[9, 3, 3, -1], [4, 4, 4, 4], [9, 5, -1, -1]]
    assert step_targets(labels, inside, num_frames=8, frames_per_step=2).tolist()[0] == [
        -1,
        3,
        3,
        -1,
    ]
    assert step_targets(labels, None, num_frames=8, frames_per_step=2).tolist() == [
        [3] * 4,
        [4] * 4,
        [5] * 4,
    ]
