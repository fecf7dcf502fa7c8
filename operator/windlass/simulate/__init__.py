"""A small world in memory that plays plans forward: for `kubectl windlass plan`, for tests and for the docs."""
