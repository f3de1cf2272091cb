"""Teaching by showing: gestures that a trained model learns from a few examples, in a moment."""
