"""Commands that teach gestures to a trained model."""
