"""Behind the exchange: its doors and who stands at them, the ways to other hosts, and who is stood in for."""
