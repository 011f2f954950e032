"""A job is a file that tells how it goes, also after a kill of its process."""

import json
import os
from pathlib import Path

from daemons.editing.jobs import FOLDER, MOST_JOBS, Job, list_jobs, read_job


def test_a_job_is_read_while_it_runs_and_after_its_end(run: Path) -> None:
    """Each step is in its file."""
    job = Job("apply", "lamp", "page:anna")
    job.begin_step("writing")
    found = read_job(job.id)
    assert found is not None
    document = json.loads(found[1])
    assert (found[0].state, document["step"], document["by"]) == ("running", "writing", "page:anna")
    job.end("it hangs", is_rolled_back=True)
    document = json.loads(read_job(job.id)[1])  # type: ignore[index]
    assert (document["state"], document["reason"], document["is_rolled_back"]) == ("failed", "it hangs", True)
    assert document["ended_at"] >= document["begun_at"]


def test_a_job_whose_process_was_killed_is_interrupted(run: Path) -> None:
    """The reason says what to do."""
    pid = os.fork()
    if pid == 0:
        Job("apply", "lamp", "page")
        os._exit(0)
    os.waitpid(pid, 0)
    ((head, content),) = list_jobs()
    assert head.state == "interrupted"
    assert "house plan" in json.loads(content)["reason"]


def test_only_the_latest_jobs_are_kept(run: Path) -> None:
    """A job that still runs is kept longer."""
    running = Job("restart", "lamp", "page")
    for _ in range(MOST_JOBS + 5):
        Job("restart", "lamp", "page").end()
    assert len(list_jobs()) == MOST_JOBS
    assert read_job(running.id) is not None
    assert len(list(FOLDER.iterdir())) <= 2 * (MOST_JOBS + 1)


def test_what_is_no_job_is_none(run: Path) -> None:
    """A file that is cut off, or that is missing."""
    FOLDER.mkdir()
    (FOLDER / "abc.json").write_text('{"id": "abc"')
    assert read_job("abc") is None
    assert read_job("abd") is None
    assert list_jobs() == []
