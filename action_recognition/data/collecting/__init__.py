"""Photos of one's own: what is worth a warning when one is taken, and where they are kept."""
