"""A host of git repositories on 127.0.0.1, over http, by git's own `http-backend`; with trouble on
order.

    with GitHost(tmp_path / "host") as host:
        url = host.publish(Repository(tmp_path / "work"))     # http://127.0.0.1:PORT/films.git
        host.order("500", times=2)                            # the next two requests
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import shutil
import ssl
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from tests.repository import Repository

Trouble = Literal["hang", "slow", "cut", "garbage", "redirect", "401", "403", "404", "429", "500"]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request as the host saw it."""

    method: str
    path: str  # with the query
    service: str  # upload-pack, receive-pack, or empty
    status: int
    body: bytes


@dataclass(slots=True)
class _Order:
    trouble: Trouble
    left: int
    service: str
    method: str
    after: int


class GitHost:
    """Serves the bare repositories of a folder, to everybody or to those with the token."""

    def __init__(self, folder: Path, *, token: str = "", tls: ssl.SSLContext | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.token = token
        self.visits: list[Visit] = []
        self.lfs: dict[str, bytes] = {}  # the bytes of Git LFS, by the digest that they are named
        self.closing = threading.Event()
        self.hanging = threading.Event()  # somebody waits for an answer that does not come
        self._orders: list[_Order] = []
        self._lock = threading.Lock()
        host = self

        class Handler(_Handler):
            owner = host

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "https" if tls else "http"
        if tls:
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop; whoever hangs is let go."""
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    def find_folder(self, name: str = "films") -> Path:
        """Where the bare repository lies."""
        return self.folder / f"{name}.git"

    def publish(self, repository: Repository, name: str = "films") -> str:
        """Make the host have exactly the branches and tags of `repository`; the URL to fetch
        from.
        """
        folder = self.find_folder(name)
        if not folder.exists():
            repository.git("init", "--quiet", "--bare", "--template=", str(folder))
            with (folder / "config").open("a") as file:
                file.write("[uploadpack]\n\tallowFilter = true\n[http]\n\treceivepack = true\n")
        repository.git("push", "--quiet", "--mirror", str(folder))
        return f"{self.url}/{name}.git"

    def copy(self, name: str, source: str = "films") -> str:
        """Make another repository of one that is there; its URL."""
        shutil.copytree(self.find_folder(source), self.find_folder(name))
        return f"{self.url}/{name}.git"

    def put_lfs(self, raw: bytes) -> str:
        """Keep bytes as Git LFS does; the pointer that is committed in their place."""
        digest = hashlib.sha256(raw).hexdigest()
        self.lfs[digest] = raw
        version = "version https://git-lfs.github.com/spec/v1"
        return f"{version}\noid sha256:{digest}\nsize {len(raw)}\n"

    def ask(self, *arguments: str, name: str = "films") -> str:
        """Run git in the bare repository; what it says."""
        command = ["git", *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        done = subprocess.run(
            command, cwd=self.find_folder(name), env=environment, capture_output=True, check=True
        )
        return done.stdout.decode().strip()

    def order(
        self,
        trouble: Trouble,
        *,
        times: int = 1,
        service: str = "",
        method: str = "",
        after: int = 0,
    ) -> None:
        """Trouble for the next requests, or for the next ones to this service by this method, the
        first `after` of which go well.
        """
        with self._lock:
            self._orders.append(_Order(trouble, times, service, method, after))

    def count(self) -> Counter[str]:
        """How many requests came, by service: `{"upload-pack": 3}`."""
        with self._lock:
            return Counter(visit.service for visit in self.visits)

    def take_order(self, service: str, method: str) -> Trouble | None:
        """The trouble that was ordered for a request, used up."""
        with self._lock:
            for order in self._orders:
                fits = order.service in ("", service) and order.method in ("", method)
                if not order.left or not fits:
                    continue
                if not order.after:
                    order.left -= 1
                    return order.trouble
                order.after -= 1
        return None

    def note(self, visit: Visit) -> None:
        with self._lock:
            self.visits.append(visit)

    def lets_in(self, header: str | None) -> bool:
        """Whether an Authorization header carries the token."""
        if not self.token:
            return True
        scheme, _, text = (header or "").partition(" ")
        if scheme != "Basic":
            return False
        return base64.b64decode(text).decode().partition(":")[2] == self.token


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: GitHost

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self._read_body()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        address = urlsplit(self.path)
        service = next(
            (name for name in ("upload-pack", "receive-pack") if f"git-{name}" in self.path), ""
        )
        trouble = self.owner.take_order(service, self.command)
        if trouble in ("401", "403", "404", "429", "500"):
            status, headers, answer = int(trouble), {}, b"no\n"
        elif trouble == "redirect":
            status, headers, answer = 302, {"Location": "http://127.0.0.1:1/else.git"}, b""
        elif trouble == "garbage":
            status, headers, answer = 200, {"Content-Type": "text/html"}, b"<h1>Welcome</h1>\n"
        elif not self.owner.lets_in(self.headers.get("Authorization")):
            status, headers, answer = 401, {"WWW-Authenticate": 'Basic realm="films"'}, b"who?\n"
        elif address.path.endswith("/info/lfs/objects/batch"):
            status, headers, answer = self._list_lfs(json.loads(body))
        elif address.path.startswith("/lfs/"):
            status, headers, answer = 200, {}, self.owner.lfs[address.path.removeprefix("/lfs/")]
        else:
            status, headers, answer = self._run_backend(address.path, address.query, body)
        self.owner.note(Visit(self.command, self.path, service, status, body))
        if trouble == "hang":
            self.owner.hanging.set()
            self.owner.closing.wait()
            self.close_connection = True
            return
        self._answer(status, headers, answer, trouble)

    def _answer(
        self, status: int, headers: dict[str, str], answer: bytes, trouble: Trouble | None
    ) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if trouble == "cut":
                self.wfile.write(answer[: len(answer) // 2])
                self.close_connection = True
            elif trouble == "slow":
                for at in range(len(answer)):
                    if self.owner.closing.wait(0.05):
                        return
                    self.wfile.write(answer[at : at + 1])
            else:
                self.wfile.write(answer)
        except OSError:  # whoever asked has gone
            self.close_connection = True

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline().strip(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _list_lfs(self, asked: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        """Where each of the files is, in the form of the batch API; an error for an unknown one."""
        objects = [
            {**one, "actions": {"download": {"href": f"{self.owner.url}/lfs/{one['oid']}"}}}
            if one["oid"] in self.owner.lfs
            else {**one, "error": {"code": 404, "message": "not here"}}
            for one in asked["objects"]
        ]
        answer = json.dumps({"transfer": "basic", "objects": objects}).encode()
        return 200, {"Content-Type": "application/vnd.git-lfs+json"}, answer

    def _run_backend(self, path: str, query: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.owner.folder),
            "GIT_PROJECT_ROOT": str(self.owner.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "",
            "CONTENT_LENGTH": str(len(body)),
            "REMOTE_USER": "somebody",
            "REMOTE_ADDR": "127.0.0.1",
        }
        command = ["git", "http-backend"]
        done = subprocess.run(command, env=environment, input=body, capture_output=True)
        head, _, answer = done.stdout.partition(b"\r\n\r\n")
        lines = [line.partition(": ") for line in head.decode().split("\r\n") if line]
        headers = {name: value for name, _, value in lines}
        return int(headers.pop("Status", "200").split()[0]), headers, answer
