"""Probabilities that mean what they say, and rejection of what is no gesture of the model; everything works on tables of scores."""
