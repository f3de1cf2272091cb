"""One training step: the Lightning module, its losses, augmentation, mixing, optimiser, freezing."""
