"""Names of tensors in other people's weights files, and the names of ours that they stand for."""
