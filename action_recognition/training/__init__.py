"""Training: recipe, Lightning module, run."""

from action_recognition.training.machine.lean_imports import import_lean

# Before any module of this package imports Lightning.
import_lean()
