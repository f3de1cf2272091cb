"""From streams of frames to scores and events, live: what every part shares; the straight way through is `engine.py`.

source -> `reading` (queue that drops the oldest) -> `frames` (model frames by time stamps) -> `regions` -> `deploy.streams` (network)
-> `deploy.decision`
"""

from action_recognition.deploy.streaming.frames import FrameRateResampler, Picture, TimedFrame
from action_recognition.deploy.streaming.scores import WindowScores, probabilities

__all__ = ["FrameRateResampler", "Picture", "TimedFrame", "WindowScores", "probabilities"]
