"""What helps to write a plugin."""
