"""Former place of `stream_models`, kept for programs that import it from here."""

from action_recognition.deploy.stream_models import (
    Picture,
    StepScores,
    Stream,
    StreamMode,
    StreamModel,
    as_stream_model,
    fed_rate_fps,
    open_stream_model,
)

__all__ = [
    "Picture",
    "StepScores",
    "Stream",
    "StreamMode",
    "StreamModel",
    "as_stream_model",
    "fed_rate_fps",
    "open_stream_model",
]
