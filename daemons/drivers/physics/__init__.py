"""What simulated hardware does over time. Pure: without files and without a clock."""
