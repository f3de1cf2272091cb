"""INT8: quantise a network, give layers back to floating point, and gate the loss of accuracy."""
