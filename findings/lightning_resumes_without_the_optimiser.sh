#!/usr/bin/env bash
# Lightning 2.6.6: a checkpoint whose list of optimiser states is empty resumes without a word.
#
# One would guess that `trainer.fit(ckpt_path=...)` refuses a checkpoint that lacks the state of an
# optimiser: a model with a missing weight is refused. Without the key `optimizer_states` it does
# refuse. With an empty list it resumes at the right step and epoch with fresh moments, so AdamW
# starts again in the middle of a schedule. Nothing is printed, and the curves merely bend. Tools
# that strip checkpoints to make them smaller leave such lists.
#
# Printed is how many moments of AdamW are there when the resumed run begins, of two parameters:
#   whole checkpoint: 2 of 2
#   empty optimizer_states: 0 of 2
#   without the key: KeyError
#
# What to do: compare the number of states with that of the optimisers before resuming, as
# action_recognition/training/checkpoints does.
#
# Exit code 0: as described. 1: the behaviour has changed. Needs Python 3.11 to 3.13.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install \
  lightning==2.6.6 torch==2.15.0 numpy==2.4.6

cat > "$folder/resume.py" <<'PYTHON'
"""Train one epoch, change the checkpoint, resume, and print how much of the optimiser came back."""
import logging
import sys
import warnings

import lightning as L
import torch

warnings.filterwarnings("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
QUIET = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}


class Line(L.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)
        self.came_back = None

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters())

    def on_train_start(self):
        self.came_back = len(self.trainer.optimizers[0].state)

    def training_step(self, batch, index):
        return self.layer(batch).square().mean()


def fit(epochs, resumed=None):
    model = Line()
    data = torch.utils.data.DataLoader(torch.ones(8, 2), batch_size=4)
    trainer = L.Trainer(max_epochs=epochs, accelerator="cpu", enable_checkpointing=False, **QUIET)
    trainer.fit(model, data, ckpt_path=resumed, weights_only=False)
    return trainer, model.came_back


path = sys.argv[1]
trainer, _ = fit(1)
trainer.save_checkpoint(path)
_, whole = fit(2, path)
print(f"whole checkpoint: {whole} of 2")

content = torch.load(path, weights_only=False)
content["optimizer_states"] = []
torch.save(content, path)
_, empty = fit(2, path)
print(f"empty optimizer_states: {empty} of 2")

del content["optimizer_states"]
torch.save(content, path)
try:
    fit(2, path)
    missing = "nothing"
except KeyError as error:
    missing = type(error).__name__
print(f"without the key: {missing}")
sys.exit((whole, empty, missing) != (2, 0, "KeyError"))
PYTHON
CUDA_VISIBLE_DEVICES="" "$folder/venv/bin/python" "$folder/resume.py" "$folder/line.ckpt" 2>/dev/null
