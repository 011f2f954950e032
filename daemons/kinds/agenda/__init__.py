"""The events of a calendar: their texts, their times, and the list of the next days. Pure."""
