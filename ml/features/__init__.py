"""Writes feature models from the foreign keys and clocks that a dbt project declares."""
