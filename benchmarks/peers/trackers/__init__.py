"""Trackers of hands in processes of their own, and their times."""
