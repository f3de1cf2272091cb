"""Base class and number types of the sections of template.yaml and model.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from action_recognition.bounds import (
    MAX_CHANNELS,
    MAX_CLIP_LEN,
    MAX_COUNT,
    MAX_NUMBER,
    MAX_PROCESSES,
    MAX_RATE_FPS,
    MAX_SIDE,
    MIN_RATE_FPS,
)

# Ranges of numbers. A bound that is excluded is gt or lt.
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1, le=MAX_COUNT)]
NonNegativeInt = Annotated[int, Field(ge=0, le=MAX_COUNT)]
PositiveFloat = Annotated[float, Field(gt=0.0, le=MAX_NUMBER)]
NonNegativeFloat = Annotated[float, Field(ge=0.0, le=MAX_NUMBER)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
AtLeastOne = Annotated[float, Field(ge=1.0, le=MAX_NUMBER)]
Smoothing = Annotated[float, Field(ge=0.0, lt=1.0)]
InnerShare = Annotated[float, Field(gt=0.0, lt=1.0)]

# Sizes. Each has the bound of its kind.
ClipLength = Annotated[int, Field(ge=1, le=MAX_CLIP_LEN)]
Side = Annotated[int, Field(ge=1, le=MAX_SIDE)]
FrameRate = Annotated[float, Field(ge=MIN_RATE_FPS, le=MAX_RATE_FPS)]
NumProcesses = Annotated[int, Field(ge=0, le=MAX_PROCESSES)]
NumChannels = Annotated[int, Field(ge=1, le=MAX_CHANNELS)]


class Section(BaseModel):
    """Base of all sections.

    Unknown keys and values of another type are refused. Nothing changes after reading.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
