"""Hand landmarks of annotated clips: tracked once and kept, then read as arrays for training."""
