"""Small decoded frames on disk, in front of the files: `cache.FrameCache`.

It keeps one `entry.Entry` for each part of a video that an annotation line names.
"""

from action_recognition.data.frame_cache.cache import DEFAULT_CACHE_GB, FrameCache

__all__ = ["DEFAULT_CACHE_GB", "FrameCache"]
