"""What the drivers of calendars have in common: how they read and try again, and the program that parses."""
