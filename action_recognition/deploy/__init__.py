"""The part that an application installs: open an exported model, give it frames. No PyTorch.

`Predictor` labels clips and files. `open_stream_model` scores a live stream frame by frame.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from action_recognition.deploy.predictor import Prediction, Predictor
    from action_recognition.deploy.stream_models import open_stream_model

__all__ = ["Prediction", "Predictor", "open_stream_model"]

# Imported at the first use: an application pays for the parts that it calls.
_MODULES: Final = {
    "Prediction": "predictor",
    "Predictor": "predictor",
    "open_stream_model": "stream_models",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
