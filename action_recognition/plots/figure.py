"""Create figures, and write figures and pictures as PNG files."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from action_recognition.files import write_atomically, write_bytes


def new_figure(
    width_inches: float, height_inches: float, layout: Literal["constrained"] | None = "constrained"
) -> Any:
    """Return a new figure. It shares no state with a window or with another thread's figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path) -> None:
    """Write a figure as PNG, atomically."""
    with write_atomically(path) as partial:
        figure.savefig(partial, dpi=100, format="png")


def save_picture(path: Path, picture_hwc: npt.NDArray[np.uint8]) -> None:
    """Write an RGB picture (H, W, 3) uint8 as PNG, atomically."""
    import cv2

    # OpenCV takes BGR.
    done, data = cv2.imencode(".png", np.ascontiguousarray(picture_hwc[..., ::-1]))
    if not done:
        raise OSError(f"{path}: the picture could not be encoded")
    write_bytes(path, data.tobytes())
