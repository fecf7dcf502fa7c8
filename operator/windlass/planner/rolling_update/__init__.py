"""What a rolling update does: which instances of which batch are changed now, and how it ends."""
