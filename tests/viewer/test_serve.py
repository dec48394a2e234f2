"""Starting the server: its address, a port that is taken, and what is said when it cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.cli.program import LISTENING, PROGRAM
from tests.waiting import PATIENCE_SECONDS
from wsss.errors import InputError
from wsss.viewer import serve


def test_a_port_that_is_taken_is_passed_over():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serve._bind("127.0.0.1", port) as bound:
            assert port < bound.getsockname()[1] < port + 20


def test_an_address_of_another_machine_is_one_line():
    with pytest.raises(InputError, match=r"cannot listen on 203\.0\.113\.1, port"):
        serve._bind("203.0.113.1", 8000)


def test_the_command_serves_until_it_is_stopped(results: Path):
    command = [sys.executable, "-m", "wsss.cli", "view", str(results), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "http://127.0.0.1:" in line
        address = "http://" + line.split("http://")[1].split()[0]
        with urlopen(address + "api/start") as answer:
            assert answer.status == 200
        with pytest.raises(HTTPError, match="403"):
            urlopen(Request(address, headers={"Host": "evil.example"}))
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_SECONDS)
    assert "Traceback" not in process.stderr.read()


STUCK = """
import time
from wsss.viewer import app
def overview(run):
    print("computing", flush=True)
    time.sleep(1000)
app.overview = overview
from wsss.cli import main; main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 143), (signal.SIGINT, 130)])
def test_a_request_that_is_computing_does_not_keep_the_server(results: Path, number: int, code: int):
    command = [sys.executable, "-c", LISTENING + STUCK, "view", str(results), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        port = int(process.stderr.readline().split("127.0.0.1:")[1].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as connection, socket.create_connection(("127.0.0.1", port)):
            connection.sendall(b"GET /api/tiny/overview HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert process.stdout.readline() == "computing\n"
            process.send_signal(number)
            _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == code
    assert said == "stopped: the page is closed\n"


def test_twenty_open_connections_do_not_keep_the_server(results: Path):
    """Half of them wait for an answer that never comes, the others never end their request."""
    command = [sys.executable, "-c", LISTENING + STUCK, "view", str(results), "--port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
        ExitStack() as stack,
    ):
        assert process.stderr is not None
        assert process.stdout is not None
        port = int(process.stderr.readline().split("127.0.0.1:")[1].split("/")[0])
        for number in range(20):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            end = "\r\n\r\n" if number % 2 else ""
            connection.sendall(f"GET /api/tiny/overview HTTP/1.1\r\nHost: localhost{end}".encode())
        for _ in range(10):
            assert process.stdout.readline() == "computing\n"
        process.terminate()
        # all connections are still open
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, said) == (143, "stopped: the page is closed\n")


def test_the_page_has_seconds_to_stop():
    assert serve.GRACE_SECONDS < 4


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "POST", "OPTIONS", "DELETE", "ODD"])
def test_other_methods_are_refused_without_a_traceback(results: Path, method: str):
    command = [sys.executable, "-c", LISTENING + PROGRAM, "view", str(results), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        port = int(process.stderr.readline().split("127.0.0.1:")[1].split("/")[0])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"{method} / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            head, _, answer = read_all(connection).partition(b"\r\n\r\n")
        assert b" 405 " in head.splitlines()[0]
        assert answer
        assert b"\n" not in answer.strip()
        assert b"Traceback" not in answer
        process.terminate()
        assert process.communicate(timeout=PATIENCE_SECONDS)[1] == "stopped: the page is closed\n"


def read_all(connection: socket.socket) -> bytes:
    """What the server sends until it closes the connection."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


def test_missing_packages_are_named(results: Path):
    code = f"import sys; sys.modules['fastapi'] = None\nfrom wsss.viewer.serve import serve\nserve([{str(results)!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'wsss[view]'" in done.stderr


def test_the_page_loads_no_torch(results: Path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom fastapi.testclient import TestClient\n"
        "from wsss.viewer.app import make_app\n"
        f"client = TestClient(make_app([Path({str(results)!r})]), base_url='http://localhost')\n"
        "for page in ('stages', 'overview', 'layers', 'gallery', 'provenance'):\n"
        "    assert client.get(f'/api/tiny/{page}').status_code == 200\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
