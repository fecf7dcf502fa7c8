"""How fast Windlass is, beside its peers on the same API server. Each program says in its docstring what it measures.

Machines differ and are noisy: only ratios within one run are worth keeping, of at least three repeats.
"""
