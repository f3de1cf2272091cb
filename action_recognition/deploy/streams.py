"""Former place of `stream_models`, kept for programs that import it from here."""

from action_recognition.deploy.stream_models import (
    Stream,
    StreamModel,
    as_stream_model,
    open_stream_model,
)

__all__ = ["Stream", "StreamModel", "as_stream_model", "open_stream_model"]
