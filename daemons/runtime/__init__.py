"""What a process runs on: loop, clock, log, background thread, jobs and rate limits."""
