"""Losses: scalars from cosines, embeddings and attention masks.

A value that changes during training is an argument of the call.
"""
