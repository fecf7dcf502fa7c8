"""The tasks on scaling groups beside their groups' passes."""
