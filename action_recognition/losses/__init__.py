"""Losses: cosines and embeddings in, scalars out; what changes during training comes in as an argument."""
