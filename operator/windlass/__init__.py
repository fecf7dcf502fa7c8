"""Windlass: scaling groups, refreshes, rolling updates, container groups and stack sets as Kubernetes resources."""

__version__ = "0.1.0"
