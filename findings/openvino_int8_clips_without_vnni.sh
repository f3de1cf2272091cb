#!/usr/bin/env bash
# OpenVINO 2026.4.1: on a CPU with AVX2 alone a convolution of INT8 gives up to half of its sum.
#
# One would guess that an INT8 network computes the same on every CPU: sums of whole numbers have
# no rounding. Without VNNI the plugin multiplies 8-bit activations and weights by an instruction
# that adds two neighbouring products in 16 bits. A pair above 32,767 is clipped, without a word. A
# network whose accuracy was measured on a server with VNNI can lose accuracy on a laptop.
# Properties of the device name INT8 as a capability in both cases.
#
# Seen on an AMD EPYC with AVX2 and no VNNI, Python 3.11. All activations are 255, all weights have
# one value. Printed is the sum as a share of the exact one:
#   weight  64: int8 1.000, simulated in f32 1.000
#   weight 100: int8 0.642, simulated in f32 1.000
#   weight 127: int8 0.506, simulated in f32 1.000
# Two products of 255 x 64 make 32,640, which still fits.
#
# What to do: measure INT8 on the kind of CPU that will run it, or quantise with NNCF's
# `overflow_fix`, which keeps weights within 7 bits.
#
# Exit code 0: as described. 1: the behaviour has changed. 77: this CPU has VNNI or no AVX2, so that
# nothing can be shown. Needs Linux x86-64, Python 3.10 to 3.13.
set -euo pipefail

if grep -q vnni /proc/cpuinfo || ! grep -qw avx2 /proc/cpuinfo; then
  echo "this CPU has VNNI or no AVX2: nothing to show"
  exit 77
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" --quiet --disable-pip-version-check install openvino==2026.4.1 numpy==2.4.6
# Without this package OpenVINO does not report its use to its makers.
"$folder/venv/bin/pip" --quiet uninstall --yes openvino-telemetry

cat > "$folder/sums.py" <<'PYTHON'
"""Print the sums of an INT8 convolution as shares of the exact ones."""

import numpy as np
import openvino as ov
from openvino import opset13 as op

CHANNELS = 64


def network(weight: int) -> ov.Model:
    """Return a 3x3 convolution in the form that NNCF writes: FakeQuantize and weights in int8."""
    clips = op.parameter([1, CHANNELS, 8, 8], np.float32)
    low, high = op.constant(np.float32(0)), op.constant(np.float32(255))
    activations = op.fake_quantize(clips, low, high, low, high, 256)
    stored = op.constant(np.full((16, CHANNELS, 3, 3), weight, np.int8))
    scale = op.constant(np.ones((16, 1, 1, 1), np.float32))
    weights = op.multiply(op.convert(stored, "f32"), scale)
    sums = op.convolution(activations, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    return ov.Model([sums], [clips])


def share(weight: int, **settings: str) -> float:
    """Return the first sum of a picture that is 255 everywhere, divided by the exact sum."""
    hints = {"INFERENCE_PRECISION_HINT": "f32", **settings}
    run = core.compile_model(network(weight), "CPU", hints)
    first = run(np.full((1, CHANNELS, 8, 8), 255, np.float32))[0].ravel()[0]
    return float(first) / (255.0 * weight * CHANNELS * 9)


core = ov.Core()
for weight in (64, 100, 127):
    # Without the low-precision transformations the rounding is there, the arithmetic is float.
    simulated = share(weight, LP_TRANSFORMS_MODE="NO")
    print(f"weight {weight:3d}: int8 {share(weight):.3f}, simulated in f32 {simulated:.3f}")
PYTHON

expected="weight  64: int8 1.000, simulated in f32 1.000
weight 100: int8 0.642, simulated in f32 1.000
weight 127: int8 0.506, simulated in f32 1.000"
seen=$("$folder/venv/bin/python" "$folder/sums.py")

echo "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'changed; expected:\n%s\n' "$expected" >&2
  exit 1
fi
