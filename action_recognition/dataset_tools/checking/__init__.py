"""Check a data set: every line and file, and the lines of all splits compared with each other."""
