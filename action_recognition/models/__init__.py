"""Networks, their original weights and their published size and cost."""
