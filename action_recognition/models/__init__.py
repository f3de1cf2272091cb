"""Networks, their start weights, and their published size and cost."""
