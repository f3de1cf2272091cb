"""The version of the features of hand landmarks, for training and for what is delivered."""

from typing import Final

FEATURES_VERSION: Final = 1
"""The `features_version` of model.yaml that this package has: `models.landmarks.features`."""
