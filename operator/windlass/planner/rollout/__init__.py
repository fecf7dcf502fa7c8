"""How the instances of a group are exchanged in batches: budgets, checkpoints, what the new ones are made from."""
