"""Networks over single pictures: a clip of one frame in, a map of features out."""
