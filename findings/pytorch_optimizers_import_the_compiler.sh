#!/usr/bin/env bash
# PyTorch 2.15: to make an optimiser imports torch.compile's machinery, whether it is used or not.
#
# One would guess that `torch.optim.SGD` of a single parameter, after `import torch`, costs a
# millisecond: nothing is compiled. Its methods are wrapped so that the compiler leaves them alone,
# and the wrapper imports the compiler itself, `torch._dynamo`, at the first call: about 900 modules.
# A short run, a trial of a search or a test pays that before its first step.
#
# Printed are the modules that each step adds, and its CPU seconds, here on a core of a server:
#   import torch: 1172 modules, 1.6 s
#   an optimiser: 908 modules, 1.2 s
#
# What to do: where nothing is compiled, call the methods below the wrapper (`inspect.unwrap`), as
# action_recognition/training/step/eager_optimizers.py does.
#
# Exit code 0: as described, torch._dynamo is there after the optimiser, and was not before. 1: the
# behaviour has changed. Needs Python 3.11 to 3.14, and room for PyTorch (several GB).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install torch==2.15.0 numpy==2.4.6

cat > "$folder/made.py" <<'PYTHON'
"""Print what `import torch` and a first optimiser import."""
import sys
import time


def step(words, do):
    modules, began = len(sys.modules), time.process_time()
    result = do()
    print(f"{words}: {len(sys.modules) - modules} modules, {time.process_time() - began:.1f} s")
    return result


torch = step("import torch", lambda: __import__("torch"))
before = "torch._dynamo" in sys.modules
weight = torch.nn.Parameter(torch.ones(1))
step("an optimiser", lambda: torch.optim.SGD([weight], lr=0.1))
sys.exit(before or "torch._dynamo" not in sys.modules)
PYTHON
"$folder/venv/bin/python" "$folder/made.py"
