"""Boards: pages of KPIs and reports that are declared in YAML and open to people without a terminal."""
