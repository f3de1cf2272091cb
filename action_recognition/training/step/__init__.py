"""One training step: Lightning module, losses, augmentation, mixing, optimiser, freezing."""
