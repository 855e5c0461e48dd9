"""A real S3 server on this machine, in a thread, that can be told to behave badly."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reconciler.formats.bucket_address import BucketAddress

ACCESS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret-example"}
JUDGE = {"aws_access_key_id": "judge", "aws_secret_access_key": "judge-of-the-tests"}
_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>no</Message></Error>"


@dataclass
class BucketServer:
    """Moto's server or another one, with a door before it that counts and refuses."""

    url: str = ""
    inner: Callable[..., Any] | None = None  # a WSGI application; moto where there is none
    requests: list[str] = field(default_factory=list)  # "METHOD /path?query" of what came in
    is_away: bool = False  # whoever asks is told to come again
    refused: set[str] = field(default_factory=set)  # of: list, get, put, delete
    refused_paths: str = ""  # what stands in the paths of writes that are refused
    ignores_conditions: bool = False
    knows_no_conditions: bool = False
    _number: int = 0
    # moto reads what another write of the same name has just closed
    _writing: Any = field(default_factory=threading.Lock)
    _listening: Any = None
    _thread: threading.Thread | None = None

    def make_bucket(self, realm: str = "live") -> BucketAddress:
        """A new, empty bucket, and the address of the place of a realm in it."""
        self._number += 1
        name = f"studio-{self._number}"
        _boto(self.url).create_bucket(Bucket=name)
        return BucketAddress("s3", name, f"films/{realm}", endpoint=self.url, region="us-east-1")

    def name_store(self, address: BucketAddress) -> str:
        """The address as people write it for `store:`, of any realm."""
        place = address.prefix.rpartition("/")[0]
        return f"s3://{address.bucket}/{place}?endpoint={self.url}&region=us-east-1"

    def listen(self) -> None:
        """Answer, at the port that it had before if it had one. What lies in it has stayed."""
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        port = int(self.url.rpartition(":")[2] or 0)
        app = self.inner or _make_moto()
        self._listening = make_server(
            "127.0.0.1",
            port,
            lambda environ, start: self.answer(app, environ, start),
            threaded=True,
        )
        self.url = f"http://127.0.0.1:{self._listening.server_port}"
        self._thread = threading.Thread(target=self._listening.serve_forever, daemon=True)
        self._thread.start()

    def shut(self) -> None:
        """Answer nobody any more."""
        assert self._thread is not None
        self._listening.shutdown()
        self._thread.join()
        self._listening.server_close()

    def reset(self) -> None:
        """Behave well again, and forget what came in."""
        self.refused.clear()
        self.is_away = False
        self.refused_paths = ""
        self.ignores_conditions = self.knows_no_conditions = False
        self.requests.clear()

    def list(self, address: BucketAddress, below: str = "") -> dict[str, int]:
        """The objects of a place, as names from there on, with their sizes."""
        pages = _boto(self.url).get_paginator("list_objects_v2")
        start = f"{address.prefix}/"
        return {
            each["Key"].removeprefix(start): each["Size"]
            for page in pages.paginate(Bucket=address.bucket, Prefix=f"{start}{below}")
            for each in page.get("Contents", ())
        }

    def hurt(self, address: BucketAddress, name: str, content: bytes | None) -> None:
        """Put other bytes in an object's place, or remove it, behind everybody's back."""
        client, key = _boto(self.url), f"{address.prefix}/{name}"
        if content is None:
            client.delete_object(Bucket=address.bucket, Key=key)
        else:
            client.put_object(Bucket=address.bucket, Key=key, Body=content)

    def read(self, address: BucketAddress, name: str) -> bytes:
        """The bytes of an object."""
        key = f"{address.prefix}/{name}"
        body: bytes = _boto(self.url).get_object(Bucket=address.bucket, Key=key)["Body"].read()
        return body

    def answer(self, inner: Any, environ: dict[str, Any], start: Any) -> Any:
        """One request: counted, refused, or handed on."""
        method, query = environ["REQUEST_METHOD"], environ.get("QUERY_STRING", "")
        if "Boto3" not in environ.get("HTTP_USER_AGENT", ""):  # the tests' own look
            self.requests.append(f"{method} {environ['PATH_INFO']}{'?' if query else ''}{query}")
            if self.is_away:
                start("503 Service Unavailable", [("Content-Type", "application/xml")])
                return [b"<Error><Code>ServiceUnavailable</Code></Error>"]
            right, path = _name_right(method, query), environ["PATH_INFO"]
            is_shut = right == "put" and self.refused_paths and self.refused_paths in path
            if right in self.refused or is_shut:
                start("403 Forbidden", [("Content-Type", "application/xml")])
                return [_DENIED]
            if self.knows_no_conditions and "HTTP_IF_NONE_MATCH" in environ:
                start("501 Not Implemented", [("Content-Type", "application/xml")])
                return [b"<Error><Code>NotImplemented</Code></Error>"]
            if self.ignores_conditions:
                environ.pop("HTTP_IF_NONE_MATCH", None)
        if self.inner is None and method == "PUT":
            with self._writing:
                return inner(environ, start)
        return inner(environ, start)


def _name_right(method: str, query: str) -> str:
    if method == "POST" and query.startswith("delete"):
        return "delete"
    if method == "GET" and "list-type" in query:
        return "list"
    return {"HEAD": "get", "POST": "put"}.get(method, method.lower())


def _make_moto() -> Callable[..., Any]:
    from moto.server import DomainDispatcherApplication, create_backend_app

    made: Callable[..., Any] = DomainDispatcherApplication(create_backend_app)
    return made


def _boto(url: str) -> Any:
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        **JUDGE,
    )


@contextmanager
def run_server(inner: Callable[..., Any] | None = None) -> Iterator[BucketServer]:
    """The server, until the block ends; a door before `inner` where it is given."""
    server = BucketServer(inner=inner)
    server.listen()
    try:
        yield server
    finally:
        server.shut()
