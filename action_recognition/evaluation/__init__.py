"""Evaluation of a model in any of its forms, and what it leaves behind."""
