"""A server of the tests' own: it sends ranges, cuts connections, and answers with errors where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What the server holds and how it behaves.

    Attributes:
        files: By path, without the first `/`.
        cuts: Bytes after which each of the next answers is cut.
        answers: Codes with which each of the next requests is answered; 0 sends the file.
        ranges: Whether it knows ranges.
        head: Whether it tells sizes.
        asked: Method, path and range of every request.
        address: Where it listens.
    """

    files: dict[str, bytes]
    cuts: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    ranges: bool = True
    head: bool = True
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            site.asked.append(("HEAD", self.path, ""))
            if not site.head:
                self.send_error(405)
                return
            content = site.files.get(self.path[1:])
            self.send_response(404 if content is None else 200)
            self.send_header("Content-Length", str(len(content or b"")))
            self.end_headers()

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            site.asked.append(("GET", self.path, wanted))
            content, code = site.files.get(self.path[1:]), site.answers.pop(0) if site.answers else 0
            if code or content is None:
                self.send_error(code or 404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
            if start and start >= len(content):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            end = start + site.cuts.pop(0) if site.cuts else len(content)
            self.wfile.write(content[start:end])

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
