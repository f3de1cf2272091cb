"""The mapping of HDR pictures (HLG, PQ) to SDR BT.709.

A signal becomes light in units of the reference white. Light above a knee is compressed so that
the peak of the signal becomes white. Then the primaries are converted, and light becomes a signal
again. Light of HLG is that of the scene, and light of PQ that of a display. Each gets the SDR curve
of its kind.

Source: ITU-R BT.2100-2, tables 4 and 5; ITU-R BT.2408-7, 2.2 (reference white: 203 cd/m2, 75 % of
HLG); ITU-R BT.2087-0, annex 2 (primaries); ITU-R BT.709-6, 1.2; ITU-R BT.1886-0, annex 1.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
_HLG_WHITE_SIGNAL = 0.75
# Light up to here is left as it is, in units of the reference white.
_KNEE = 0.7
_FROM_BT2020 = ((1.6605, -0.5876, -0.0728), (-0.1246, 1.1329, -0.0083), (-0.0182, -0.1006, 1.1187))
_FROM_P3_D65 = ((1.2249, -0.2247, 0.0), (-0.0420, 1.0419, 0.0), (-0.0197, -0.0786, 1.0979))


def to_sdr(picture_hwc: NDArray[np.uint8], hdr: str, is_p3: bool = False) -> NDArray[np.uint8]:
    """Map RGB (H, W, 3) uint8 of "HLG" or "PQ" to BT.709 of the same shape."""
    light_of_signal, signal_of_root = _tables(hdr)
    light = cv2.LUT(picture_hwc, light_of_signal)
    light = cv2.transform(light, np.asarray(_FROM_P3_D65 if is_p3 else _FROM_BT2020, np.float32))

    # The root is near to the SDR curves, so that 8 bits of it are as fine as those of the result.
    np.clip(light, 0.0, 1.0, out=light)
    root = cv2.convertScaleAbs(cv2.sqrt(light, dst=light), alpha=255.0)
    return np.asarray(cv2.LUT(root, signal_of_root), dtype=np.uint8)


@functools.cache
def _tables(hdr: str) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return compressed light 0..1 of each signal, and the SDR signal of each root of light."""
    signal = np.arange(256) / 255.0
    if hdr == "HLG":
        white = float(_hlg_light(np.array(_HLG_WHITE_SIGNAL)))
        light = _compressed(_hlg_light(signal) / white, 1.0 / white)
        sdr = _bt709_signal(signal**2)
    else:
        peak = _PEAK_NITS / _WHITE_NITS
        light = _compressed(np.minimum(_pq_nits(signal) / _WHITE_NITS, peak), peak)
        sdr = (signal**2) ** (1 / 2.4)
    return light.astype(np.float32), (sdr * 255.0).round().astype(np.uint8)


def _hlg_light(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of the scene, 0..1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def _pq_nits(signal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the light of the display in cd/m2."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = signal ** (1 / m2)
    return 10_000 * (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1)


def _compressed(light: NDArray[np.float64], peak: float) -> NDArray[np.float64]:
    """Return light whose part above the knee is bent smoothly, so that `peak` becomes 1."""
    above = np.maximum(light - _KNEE, 0.0)
    bend = 1 / (1.0 - _KNEE) - 1 / (peak - _KNEE)
    return np.minimum(light, _KNEE) + above / (1.0 + bend * above)


def _bt709_signal(light: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(light < 0.018, 4.5 * light, 1.099 * light**0.45 - 0.099)
