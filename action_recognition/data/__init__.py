"""From annotation files and videos to batches of clips: annotations -> video -> sampling -> transforms -> datasets."""
