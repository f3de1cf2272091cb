"""INT8 by NNCF: quantise a network, give layers back to floating point, and gate the result by accuracy."""
