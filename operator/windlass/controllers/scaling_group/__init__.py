"""The controller of ScalingGroups: the only writer of their instances."""
