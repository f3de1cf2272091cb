"""Checkpoint files: read without running anything from them, and written whole or not at all."""

from action_recognition.checkpoint.reading import (
    NETWORK_PREFIX,
    TRAINED_MODEL_KEY,
    CheckpointForm,
    RawCheckpoint,
    read_checkpoint,
)
from action_recognition.checkpoint.saving import copy_checkpoint, save_atomically
from action_recognition.checkpoint.trained import (
    CALIBRATION_KEY,
    FORMAT_VERSION,
    TrainedModel,
    describe_training,
    load_trained_model,
    save_calibration,
    trained_model,
)

# The modules behind these names may change.
__all__ = [
    "CALIBRATION_KEY",
    "FORMAT_VERSION",
    "NETWORK_PREFIX",
    "TRAINED_MODEL_KEY",
    "CheckpointForm",
    "RawCheckpoint",
    "TrainedModel",
    "copy_checkpoint",
    "describe_training",
    "load_trained_model",
    "read_checkpoint",
    "save_atomically",
    "save_calibration",
    "trained_model",
]
