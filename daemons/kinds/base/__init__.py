"""The contract of a kind, in its parts; `daemons.kinds` has all of them."""
