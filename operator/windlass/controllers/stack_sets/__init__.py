"""StackSets, their operations, instances and targets."""
