"""The forms in which clips and photos are published, a module for each family."""
