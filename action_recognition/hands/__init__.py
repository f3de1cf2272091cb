"""Hand landmarks: detector, landmark network, tracker and features, on OpenVINO and numpy alone.

The room is empty so far. Data, training and live import from here; nothing here imports from them, nor PyTorch.
"""
