"""Moved to `data.shards.index`."""

from action_recognition.data.shards.index import *  # noqa: F403
