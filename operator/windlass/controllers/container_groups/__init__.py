"""Container groups."""
