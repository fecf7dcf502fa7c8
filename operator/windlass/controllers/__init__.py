"""One package per kind: observe, plan, apply. Every decision is the planner's."""
