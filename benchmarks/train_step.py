"""One training step (forward, loss, backward, SGD) of the folded network against the Conv3d form.

The Conv3d form is timed plain and in channels_last_3d. Batch 2, 112 x 112 pixels, f32, eager,
random weights. Beside the promised ratios it prints what bf16 autocast and torch.compile add.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

# oneDNN keeps 1024 compiled primitives. Three networks in turn need more, and each would compile
# its own again in every round.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16384")

import torch

sys.path.insert(
    0, str(Path(__file__).resolve().parents[1])
)  # `python benchmarks/train_step.py` without an installed package

from action_recognition.losses.am_softmax import AMSoftmaxLoss
from action_recognition.models.build import build_recogniser
from action_recognition.models.convolutions import ConvForm
from action_recognition.template import load_template_dir
from action_recognition.training.machine.memory import keep_freed_memory
from benchmarks.harness import (
    REPOSITORY,
    Figure,
    Timing,
    interleaved,
    parse_arguments,
    ratio,
    report,
)

BATCH_SIZE, CROP_SIZE = 2, 112
Variant = Literal["msasl", "jester"]
Extra = Literal["", "channels_last_3d", "bf16", "compile", "compile_bf16"]


def training_step(variant: Variant, form: ConvForm, extra: Extra = "") -> Callable[[], None]:
    """A callable that does one step on made clips."""
    folder: Path = (
        REPOSITORY
        / "model_templates"
        / "gesture_recognition"
        / f"s3d-rgb-mobilenet-v3-stream-{variant}"
    )
    template, model = load_template_dir(folder)
    torch.manual_seed(0)
    network = build_recogniser(model, len(template.labels), form).train()
    clips = torch.randn(BATCH_SIZE, 3, template.input.clip_len, CROP_SIZE, CROP_SIZE)
    labels = torch.arange(BATCH_SIZE)
    if extra == "channels_last_3d":
        network = network.to(memory_format=torch.channels_last_3d)
        clips = clips.contiguous(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.SGD(network.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    loss = AMSoftmaxLoss(
        margin=0.35, entropy_weight=0.085, use_pr_product=True, hard_sample_weight=0.0
    )
    forward: Callable[[torch.Tensor], torch.Tensor] = (
        torch.compile(network) if extra.startswith("compile") else network
    )

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=extra.endswith("bf16")):
            cosine = forward(clips)
        loss(cosine.float(), labels, scale=20.0).backward()
        optimizer.step()

    return step


def main() -> None:
    options = parse_arguments(__doc__.splitlines()[0] if __doc__ else "")
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as train.py does
    timings: dict[str, Timing] = {}
    figures: dict[str, Figure] = {}
    for variant in ("msasl", "jester"):
        steps = {
            f"{variant} folded": training_step(variant, "folded"),
            f"{variant} conv3d": training_step(variant, "conv3d"),
            f"{variant} conv3d channels_last_3d": training_step(
                variant, "conv3d", "channels_last_3d"
            ),
        }
        timed = interleaved(steps, options.rounds(12))
        ours = timed[f"{variant} folded"]
        figures[f"speedup_vs_conv3d_{variant}"] = ratio(timed[f"{variant} conv3d"], ours)
        against_channels_last = ratio(timed[f"{variant} conv3d channels_last_3d"], ours)
        figures[
            "speedup_vs_channels_last_3d"
            if variant == "msasl"
            else "speedup_vs_channels_last_3d_jester"
        ] = against_channels_last
        timings |= timed
    extras = {
        "msasl folded again": training_step("msasl", "folded"),
        "msasl folded bf16": training_step("msasl", "folded", "bf16"),
    }
    if not options.quick:
        extras["msasl folded compile"] = training_step("msasl", "folded", "compile")
    timed = interleaved(extras, options.rounds(12))
    for name in list(extras)[1:]:
        figures[f"{name.rsplit(' ', 1)[1]}_speedup_over_eager_f32"] = ratio(
            timed["msasl folded again"], timed[name]
        )
    report(
        "train_step",
        options,
        timings | timed,
        figures,
        notes=[f"batch {BATCH_SIZE}, {CROP_SIZE} x {CROP_SIZE}"],
    )


if __name__ == "__main__":
    main()
