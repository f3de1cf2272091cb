"""The commands of `tools/data/`."""
