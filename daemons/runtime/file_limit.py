"""The limit on the open files of a process."""

import resource

MAX_FILES = 65_536
"""No process of a house needs more."""


def raise_file_limit() -> int:
    """Raise the soft limit on open files as far as the hard limit allows; return the new soft limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = MAX_FILES if hard == resource.RLIM_INFINITY else min(hard, MAX_FILES)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return max(soft, allowed) if soft != resource.RLIM_INFINITY else MAX_FILES
