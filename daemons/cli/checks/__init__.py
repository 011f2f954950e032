"""What `house doctor` looks at: one file for each family, with pure checks over what it has read."""
