"""Probabilities that mean what they say, and rejection of movements that are no gesture.

Everything here works on tables of scores.
"""
