"""INT8 by NNCF: quantising a network, giving layers back to floating point, and the gate that says how many."""
