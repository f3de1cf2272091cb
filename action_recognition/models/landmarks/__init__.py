"""Networks over hand landmarks: features that no turn or distance changes, and what learns."""
