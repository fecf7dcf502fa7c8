"""What a container group does next: which rung of the ladder an update needs, and how it goes from there to its end."""
