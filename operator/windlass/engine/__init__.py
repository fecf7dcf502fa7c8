"""How work runs: queue, loop, expectations, and what shows that it does. Knows nothing of groups or Pods."""
