"""Export of a trained network to OpenVINO IR and ONNX. The PyTorch side of deployment."""
