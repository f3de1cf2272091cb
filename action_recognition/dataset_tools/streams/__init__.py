"""Streams with known events, composed of clips: their plan, as pictures or as landmarks."""
