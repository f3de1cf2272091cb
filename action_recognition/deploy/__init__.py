"""Export to OpenVINO and ONNX, run the result, recognise in a stream."""
