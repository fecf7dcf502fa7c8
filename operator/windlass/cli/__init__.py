"""kubectl-windlass: look at groups, and see what a change would do."""
