"""Training: recipe, Lightning module, run."""
