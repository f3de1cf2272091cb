"""Moved to `data.shards.path`."""

from action_recognition.data.shards.path import *  # noqa: F403
