"""Detection of persons and hands in pictures with OpenVINO detectors."""
