"""Watches predictions that are in use: what became of them, whether data drift, and what is wrong right now."""
