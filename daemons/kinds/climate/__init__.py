"""Parts of a kind that keeps the temperature of a room. No word of the configuration is here."""
