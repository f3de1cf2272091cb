"""The record a run leaves: callbacks, curves, confusion, contact sheets, logs, comparison."""
