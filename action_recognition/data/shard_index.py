"""What lies where in shards: `shards:PATTERN` as a data root.

A shard is a tar file as WebDataset has them: the members of a sample follow each other, and their names are a key, a dot and an extension.
A sample of ours is `KEY.json`, which holds the path of the video, and the video (`KEY.mp4`) or the images of a frame folder
(`KEY.img_00001.jpg`, ...). Clips are read from their places, in any order: training and evaluation see exactly what they see of files.
"""

from action_recognition.data.shards.index import *  # noqa: F403
