"""Hand landmarks: detector, landmark network, tracker and features, on OpenVINO and numpy alone.

The package is empty so far. Data, training and live import from here. Nothing here imports from
them, nor from PyTorch.
"""
