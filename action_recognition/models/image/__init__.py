"""Networks over single pictures. They take a clip of one frame and return a map of features."""
