"""What a stack set deploys where, in which order, and when it stops: targets, variables, templates, dispatch."""
