"""The loader of clips: its worker processes, and how their batches reach the main process."""
