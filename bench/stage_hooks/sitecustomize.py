"""Python runs this file at its start if its folder is on PYTHONPATH: it records the stages of the process."""

import os

if os.environ.get("BENCH_STAGES"):
    from bench.stage_hooks import install_in_this_process

    install_in_this_process()
