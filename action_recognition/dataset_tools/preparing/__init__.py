"""The original's data sets, cropped around the person: entries or rows -> where to cut -> pictures -> annotation files and a report."""
