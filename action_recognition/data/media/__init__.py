"""Media files and streams: opened in one place, read by one set of rules.

`opening` opens a file or an address and chooses its stream. `pictures` makes upright RGB pictures
of decoded frames. `packet_index` tells the frames of a file with their times. `windows` reads
frames by number, and `film` plays a file from its start.
"""

READING_VERSION = 2
"""Part of what is stored of videos. Raise it when the same video gives other pictures or times."""
