"""Finding persons and hands in pictures with OpenVINO detectors."""
