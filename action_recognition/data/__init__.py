"""From annotation files and videos to batches of clips.

The way through: annotations -> video -> sampling -> transforms -> datasets -> batches.
"""
