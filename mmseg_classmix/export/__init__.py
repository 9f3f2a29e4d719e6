"""Trained networks for those who have mmseg, or only onnxruntime."""
