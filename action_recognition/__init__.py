"""Train, export and run hand-gesture recognisers for live video on a CPU."""

__version__ = "0.1.0"
