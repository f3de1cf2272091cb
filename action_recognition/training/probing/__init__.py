"""Measurements before and around a run: batch size, learning rate, profile, out of memory."""
