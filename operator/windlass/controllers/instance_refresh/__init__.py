"""What InstanceRefreshes need beside the passes of their groups."""
