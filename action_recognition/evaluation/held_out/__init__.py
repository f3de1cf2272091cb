"""Clips of people whom a model never saw: who is in them, and the scores by folds."""
