"""Stands where a command should be that the nursery starts: hands on its streams, arguments and
environment, its signals, and how it ended.

A copy lies beside the nursery's line, and runs without all that makes Python slow to start.
"""

import json
import os
import signal
import socket
import sys

FUNCTION = "reconciler.cli:main"
LINE = os.path.join(os.path.dirname(os.path.realpath(__file__)), os.pardir, "line")  # noqa: PTH118, PTH120

with socket.socket(socket.AF_UNIX) as line:
    line.connect(LINE)
    order = {"function": FUNCTION, "arguments": sys.argv[1:]}
    raw = json.dumps({**order, "cwd": os.getcwd(), "env": dict(os.environ)}).encode()  # noqa: PTH109
    socket.send_fds(line, [len(raw).to_bytes(8, "big")], [0, 1, 2])
    line.sendall(raw)
    pid = int.from_bytes(line.recv(8, socket.MSG_WAITALL), "big")
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda which, _: os.kill(pid, which))
    code = int.from_bytes(line.recv(8, socket.MSG_WAITALL), "big", signed=True)
if code < 0:
    if code != -signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
sys.exit(code)
