"""What the answer is: pure functions from a view of the world to a plan. No I/O, no clock, no randomness."""
