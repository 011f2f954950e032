"""What house.toml says: tables, rules, the sun, the roster, slices, checks, the editor and the plan."""
