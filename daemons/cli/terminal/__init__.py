"""How the house looks in a terminal, and what a person's keys do there."""
