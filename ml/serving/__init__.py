"""Serves what is published over HTTP: predictions, metrics and runs, to whoever may see them."""
