"""Preparation of data sets: import, check, split, extract, shard, compose and draw.

Training reads none of these modules.
"""
