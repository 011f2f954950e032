"""What the page does to a house: it edits one device, undoes that, and restarts, stops or starts a process.

The mirror starts `program` for each request. So its loops never wait, and it loads no configuration. An edit
that restarts the mirror goes on.
"""
