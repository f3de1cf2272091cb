"""A video or frame folder inside a shard (a tar file): what is asked of a path when clips are read, answered without unpacking."""

from action_recognition.data.shards.path import *  # noqa: F403
