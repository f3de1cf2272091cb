"""Preparing a data set: import, check, split, extract, shard, compose, draw. Training reads none of this."""
