"""Checkpoints of a training run: when they are saved and how a run resumes."""
