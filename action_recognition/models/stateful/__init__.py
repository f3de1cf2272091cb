"""The parts of a stateful network: its states, its layers and its blocks."""
