""".tflite files: bytes to bytes."""
