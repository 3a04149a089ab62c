# SPDX-FileCopyrightText: 2026 dh-aibootstrap developers
# SPDX-License-Identifier: GPL-3.0-or-later
"""A web server on the loopback that knows Range, notes requests and can break off."""

from __future__ import annotations

import contextlib
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Iterator


@dataclass
class Site:
    """A folder that is served, what was asked for, and where to break off."""

    folder: Path
    uri: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)  # path, Range
    breaks: dict[str, int] = field(default_factory=dict)  # file name -> at which byte


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Site]:
    """Serve `folder` on a free port of the loopback."""
    site = Site(folder)

    class Handler(_Handler):
        pass

    Handler.site = site
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.uri = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        """Answer with the file, from where Range says; break off where told to."""
        asked = self.headers.get("Range", "")
        self.site.requests.append((self.path, asked))
        path = self.site.folder / self.path.lstrip("/")
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        match = re.fullmatch(r"bytes=([0-9]+)-", asked)
        start = int(match[1]) if match else 0
        if start >= len(data) > 0:
            self.send_error(416)
            return
        self.send_response(206 if match else 200)
        if match:
            self.send_header(
                "Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}"
            )
        self.send_header("Content-Length", str(len(data) - start))
        # apt resumes only where it sees that the file is still the same.
        self.send_header("Last-Modified", "Thu, 01 Jan 2026 00:00:00 GMT")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        end = self.site.breaks.get(path.name, len(data))
        self.close_connection = end < len(data)
        self.wfile.write(data[start:end])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
