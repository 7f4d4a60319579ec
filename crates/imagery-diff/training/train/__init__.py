"""The recipe that makes the shipped change networks: data folders in, an ONNX file and its card out."""
