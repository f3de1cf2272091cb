"""The studio: a page in which one records gestures, teaches them and tries them."""
