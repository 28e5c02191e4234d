"""Ways in which public tables reach readers: a snapshot, PostgreSQL, files."""
