"""What a caller may read of a snapshot: row filters and masks are in the SQL before anybody asks it."""
