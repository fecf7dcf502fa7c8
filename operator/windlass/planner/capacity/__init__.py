"""Desired size, zones, launch, removal order, health, activities: the rules of a scaling group."""
