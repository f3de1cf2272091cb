"""Hand landmarks on OpenVINO and numpy alone: from a picture to the hands that are followed in it.

1. `network_files`: the two networks, fetched by pip and checked.
2. `networks`: palms of a picture, landmarks of a square.
3. `tracker`: hands from frame to frame, each under a number of its own.

`geometry` has the formulas. Data, training and live import from here. Nothing here imports from
them, nor from PyTorch.
"""
