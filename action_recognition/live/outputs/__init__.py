"""Outputs of a live run: events, reactions, recordings, the window and what is drawn in it."""
