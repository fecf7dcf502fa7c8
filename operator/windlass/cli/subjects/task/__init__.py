"""What refreshes and updates have in common on the command line: each is done once to a group, and then is over."""
