"""Checking a data set: every line and file of annotation files, and what the splits say together."""
