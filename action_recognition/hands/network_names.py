"""Names of the hand networks, for code that needs nothing else of them."""

from typing import Final

SOURCE: Final = "mediapipe 0.10.21 (PyPI), Apache-2.0, by Google"
"""What a model that is made with these networks has to name."""

PALM: Final = "palm_detection_full.tflite"
HAND: Final = "hand_landmark_full.tflite"

# Their names in a delivered folder.
PALM_IR: Final = "palm_detection.xml"
HAND_IR: Final = "hand_landmark.xml"
