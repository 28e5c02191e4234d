"""Martlet: predictions as a first-class part of a dbt project."""

__version__ = "0.1.0"
