"""A web server on this machine that behaves as it is told."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

CONTENT = np.random.default_rng(0).bytes(1_000_000)


@dataclass
class Server:
    """What the server gives, how it behaves, and what it was asked for."""

    address: str = ""
    content: bytes = CONTENT
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    etag: str = '"one"'
    status: int | None = None
    asked: list[str | None] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Serves one content under every path."""

    state: Server

    def do_GET(self) -> None:
        state = self.state
        state.asked.append(self.headers.get("Range"))
        if state.status:
            return self.send_error(state.status)
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", state.etag) == state.etag
        begin = int(asked[1]) if asked and same and state.ranges else 0
        if begin and begin >= len(state.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(state.content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        body = state.content[begin:]
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(state.content) - 1}/{len(state.content)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", state.etag)
        self.end_headers()
        self.wfile.write(body[: state.cut_after.pop(0)] if state.cut_after else body)
        return None

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[Server]:
    """A server while the context is open."""
    state = Server()
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("OneHandler", (Handler,), {"state": state}))
    state.address = f"http://127.0.0.1:{http.server_port}/some.zip"
    thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()
    thread.join()
