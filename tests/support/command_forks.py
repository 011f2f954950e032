"""The server of `command_server`: forks a process for each `house` command, and for supervisord.

A new supervisord imports what devices need, and runs a device once (`prefork.warm_up`). That takes a second
of processor time. Here this is done once, in the server, and each supervisord is a fork of it.
"""

import gc
import json
import os
import signal
import socket
import sys
import traceback
import warnings
from contextlib import suppress
from pathlib import Path

import setproctitle
import supervisor.supervisord

import daemons.cli.send  # each fork has these
import daemons.cli.status  # noqa: F401
from daemons.cli import main
from daemons.errors import SupervisorError
from daemons.supervision import operations, prefork
from tests.support.command_server import MAX_REQUEST_BYTES

PATH = "PYTHONPATH"
"""Only a new interpreter reads it."""


def serve(requests: socket.socket) -> None:
    """Answer each request with the PID of its command, and then with its exit status."""
    prefork.warm_up(warnings.warn)
    prefork.warm_up = prefork.share_memory  # all else is done
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel clears the waiting forks away
    while True:
        request, files, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 3)
        if not request:
            return
        if os.fork() == 0:
            requests.close()
            wait_for_command(request, *files)
            os._exit(0)
        for number in files:
            os.close(number)


def wait_for_command(request: bytes, answer: int, out: int, err: int) -> None:
    """Fork the command, start each supervisord that it asks for, and wait for its end."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.close(answer)
        os.dup2(out, 1)
        os.dup2(err, 2)
        kept = os.dup2(theirs.fileno(), 3)
        os.closerange(kept + 1, max(out, err, answer, theirs.fileno()) + 1)
        run_command(socket.socket(fileno=kept), *json.loads(request))
    theirs.close()
    os.write(answer, str(pid).encode())
    while wanted := ours.recv(MAX_REQUEST_BYTES):
        ours.send(json.dumps(fork_supervisord(*json.loads(wanted))).encode())
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        os.write(answer, str(os.waitstatus_to_exitcode(status)).encode())


def run_command(
    launcher: socket.socket,
    arguments: list[str],
    environment: dict[str, str],
    folder: str,
    forks_supervisord: bool,
) -> None:
    """Become a `house` command; this does not return."""
    code = 1

    def launch(configuration: Path) -> None:
        """Ask for a supervisord: this process has loaded code of a house, which a supervisord has not."""
        launcher.send(json.dumps([str(configuration), dict(os.environ), str(Path.cwd())]).encode())
        status, printed = json.loads(launcher.recv(MAX_REQUEST_BYTES))
        if status != 0:
            raise SupervisorError(f"supervisord did not start: {printed.strip()}")

    if forks_supervisord and environment.get(PATH) == os.environ.get(PATH):
        vars(operations)["launch"] = launch
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        sys.argv = [main.__file__, *arguments]
        main.main(prog_name="python -m daemons.cli.main")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  as at the end of any program
        traceback.print_exc()
    finally:
        with suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def fork_supervisord(configuration: str, environment: dict[str, str], folder: str) -> tuple[int, str]:
    """Start supervisord, and return the status of its start, and what it printed until it was a daemon."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.umask(0o077)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
        for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), writer, writer)):
            os.dup2(file, number)
        become_supervisord(configuration)
    os.close(writer)
    with open(reader) as output:  # noqa: PTH123
        printed = output.read()
    return os.waitpid(pid, 0)[1], printed[-10_000:]


def become_supervisord(configuration: str) -> None:
    """Become supervisord; this does not return."""
    code = 1
    try:
        gc.freeze()  # what owned the descriptors that are closed here is never collected
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        sys.argv = [supervisor.supervisord.__file__, "-c", configuration]
        setproctitle.setproctitle(" ".join(sys.argv))  # `house down` recognizes supervisord by it
        supervisor.supervisord.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  as at the end of any program
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
