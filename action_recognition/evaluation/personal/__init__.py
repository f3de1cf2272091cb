"""Personal tuning: thresholds for one person, from a few examples and a film of other things."""
