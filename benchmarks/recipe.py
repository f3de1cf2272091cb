"""Share of augmentation and losses in one training step on the CPU, for each template's recipe.

Batch 4 (2 videos of 2 clips where the recipe wants two), 112 x 112 pixels, f32, eager, random
weights, synthetic clips. The baseline is the same network, optimiser and frozen parts, with clips
that are ready and a plain cross entropy. The reference recipe's augmentation runs in data workers.
Here it is timed within the step, so its share is an upper bound.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault(
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384"
)  # as in train_step.py: several networks in turn

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/recipe.py` without an installed package

from action_recognition.data.augmentation import move_as_reference, recolour_as_reference
from action_recognition.data.transforms import canvas_side
from action_recognition.models.build import build_recogniser
from action_recognition.models.recogniser import Normalize
from action_recognition.schedules import loss_scale
from action_recognition.template import (
    BatchAugmentation,
    ReferenceAugmentation,
    Template,
    load_template_dir,
)
from action_recognition.training.step.augment import BatchAugment
from action_recognition.training.step.freezing import set_learning
from action_recognition.training.step.optimizer import make_optimizer
from action_recognition.training.step.recipe import Recipe
from benchmarks.harness import REPOSITORY, Figure, Timing, interleaved, parse_arguments, report

NUM_CLIPS, CROP_SIZE = 4, 112
TEMPLATES = {
    "msasl": "s3d-rgb-mobilenet-v3-stream-msasl",
    "jester": "s3d-rgb-mobilenet-v3-stream-jester",
    "lite0": "s3d-rgb-efficientnet-lite0-stream",
}
Step = Callable[[], None]


def steps(name: str) -> tuple[Step, Step]:
    """A plain step and one with the template's whole recipe, over the same network."""
    template, model = load_template_dir(
        REPOSITORY / "model_templates" / "gesture_recognition" / TEMPLATES[name]
    )
    clip_input = template.frames.model_copy(
        update={"crop_size": CROP_SIZE, "resize_short_side": CROP_SIZE * 8 // 7}
    )
    template = template.model_copy(update={"input": clip_input})
    torch.manual_seed(0)
    num_classes = len(template.labels) or 17
    network = build_recogniser(model, num_classes).train()
    set_learning(network, template.training, head_only=False)
    optimizer = make_optimizer(network, template.training.optimizer, 1e-4)
    normalize = Normalize(clip_input.mean_values, clip_input.scale_values)
    recipe, prepare = Recipe(template.training, model.backbone), _preparation(template)
    labels = torch.tensor([0, 0, 1, 1])
    ready = torch.randint(
        0, 255, (NUM_CLIPS, 3, clip_input.clip_len, CROP_SIZE, CROP_SIZE), dtype=torch.uint8
    )
    scale = loss_scale(0, 100, template.training.loss)

    def plain() -> None:
        optimizer.zero_grad()
        torch.autograd.backward(F.cross_entropy(10.0 * network(normalize(ready)), labels))
        optimizer.step()

    def whole() -> None:
        optimizer.zero_grad()
        losses = recipe(network, normalize(prepare()), labels, scale=scale)
        torch.autograd.backward(torch.stack(list(losses.values())).sum())
        optimizer.step()

    return plain, whole


def _preparation(template: Template) -> Callable[[], Tensor]:
    """Return a callable that augments a batch of decoded clips."""
    clip_input, config = template.frames, template.training.augmentation
    if isinstance(config, BatchAugmentation):
        side = canvas_side(clip_input.crop_size)
        canvases = torch.randint(
            0, 255, (NUM_CLIPS, 3, clip_input.clip_len, side, side), dtype=torch.uint8
        )
        augment, generator = (
            BatchAugment(config, clip_input.crop_size),
            torch.Generator().manual_seed(0),
        )
        return lambda: augment(canvases, generator)
    assert isinstance(config, ReferenceAugmentation)
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (clip_input.clip_len, 128, 171, 3), dtype=np.uint8)

    def from_frames() -> Tensor:
        clips = [
            recolour_as_reference(move_as_reference(frames, clip_input, config, rng), config, rng)
            for _ in range(NUM_CLIPS)
        ]
        return torch.from_numpy(np.stack(clips)).permute(0, 4, 1, 2, 3)

    return from_frames


def share(plain: Timing, whole: Timing) -> Figure:
    """(whole - plain) / whole, round by round."""
    low, median, high = np.percentile(1.0 - plain.seconds / whole.seconds, (25, 50, 75))
    return Figure(float(median), float(low), float(high))


def main() -> None:
    options = parse_arguments(__doc__.splitlines()[0] if __doc__ else "")
    torch.set_num_threads(options.threads)
    timings: dict[str, Timing] = {}
    figures: dict[str, Figure] = {}
    for name in TEMPLATES:
        plain, whole = steps(name)
        timed = interleaved(
            {f"{name} plain": plain, f"{name} whole recipe": whole}, options.rounds(20), warm_up=2
        )
        figures[f"recipe_share_{name}"] = share(
            timed[f"{name} plain"], timed[f"{name} whole recipe"]
        )
        timings |= timed
    report(
        "recipe", options, timings, figures, notes=[f"{NUM_CLIPS} clips, {CROP_SIZE} x {CROP_SIZE}"]
    )


if __name__ == "__main__":
    main()
