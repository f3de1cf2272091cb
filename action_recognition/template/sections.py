"""Base class and number types of the sections of template.yaml and model.yaml."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# Ranges of numbers. A bound that is excluded is gt or lt.
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
PositiveInt = Annotated[int, Field(ge=1)]
NonNegativeInt = Annotated[int, Field(ge=0)]
PositiveFloat = Annotated[float, Field(gt=0.0)]
NonNegativeFloat = Annotated[float, Field(ge=0.0)]
Share = Annotated[float, Field(gt=0.0, le=1.0)]
AtLeastOne = Annotated[float, Field(ge=1.0)]
Smoothing = Annotated[float, Field(ge=0.0, lt=1.0)]
InnerShare = Annotated[float, Field(gt=0.0, lt=1.0)]


class Section(BaseModel):
    """Base of all sections.

    Unknown keys and values of another type are refused. Nothing changes after reading.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
