"""Real sockets against servers that drip, bomb, lie and never end: every call ends, in little
memory, and an accepted task is never lost.
"""

from __future__ import annotations

import asyncio
import gzip
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import (
    BadDownload,
    DownloadRefused,
    HostRefused,
    NotReached,
    OutcomeUnknown,
    Rejected,
    UnfitAnswer,
)
from reconciler.formats.secret import Secret
from reconciler.service import network
from reconciler.service.client import Client
from reconciler.service.endpoints import Endpoint
from tests.apply import hostile
from tests.apply.hostile import JSON, TASK, answers, repeats, served

WITHIN_S = 0.4
AMPLE_S = 60.0  # of a call that ends by itself, however busy the machine is
LATE_S = 2.1  # after what a call may take, on a machine that is busy


def client(port: int, within_s: float = WITHIN_S) -> Client:
    url = f"http://127.0.0.1:{port}/api/v1"
    made = Client(Endpoint(url, url, "mock", None, True), Secret("sk-secret"))
    made._timeouts = {"create_s": within_s, "fetch_s": within_s}
    return made


async def outcome(port: int, call: Any, within_s: float = WITHIN_S) -> Any:
    """What a call of the client comes to, and never later than it may."""
    asking = client(port, within_s)
    begun = time.monotonic()
    try:
        return await call(asking)
    except Exception as error:
        return error
    finally:
        assert time.monotonic() - begun < within_s + LATE_S
        await asking.close()


def create(asking: Client) -> Any:
    return asking.create(b"{}", uses_oss=False)


def fetch(asking: Client) -> Any:
    return asking.fetch("t-1")


SLOW = {
    "silent": hostile.silent,
    "head": hostile.drips_its_head,
    "continues": hostile.only_continues,
    "body": repeats(b" ", head=JSON, pause_s=0.02),
    "chunks": repeats(b"1\r\n \r\n", head=b"Transfer-Encoding: chunked\r\n", pause_s=0.02),
}


@pytest.mark.parametrize("name", SLOW)
async def test_dripping_does_not_extend_a_call(name: str) -> None:
    """However its bytes come, a call ends at its deadline; of a POST nothing is known then."""
    async with served(SLOW[name]) as port:
        for call in (create, fetch):
            said = await outcome(port, call)
            assert isinstance(said, OutcomeUnknown)
            assert "0.4 s" in said.message


@pytest.mark.parametrize(
    "act",
    [
        repeats(b" ", first=TASK, head=JSON, pause_s=0.02),
        repeats(b" " * 65536, first=TASK, head=JSON),
        answers(TASK, head=JSON + b"Content-Length: 5000\r\n"),
        answers(TASK, b',"x":NaN', head=JSON),
        answers(gzip.compress(TASK + b"}"), head=b"Content-Encoding: gzip\r\n"),
        answers(gzip.compress(TASK + b"}")[:-9], head=b"Content-Encoding: gzip\r\n"),
        answers(TASK + b"}", head=b"Content-Encoding: br\r\n", status=b"202 Accepted"),
    ],
    ids=["drips", "endless", "breaks_off", "no_json", "gzip", "gzip_cut", "a_lie_about_packing"],
)
async def test_an_accepted_task_is_never_lost(act: hostile.Streams) -> None:
    """A 2xx with a task_id is an acceptance, whatever comes after the id."""
    async with served(act) as port:
        assert (await outcome(port, create)).task_id == "t-1"


@pytest.mark.parametrize(
    ("act", "words"),
    [
        (repeats(b"x" * 65536), "larger than 8 MiB"),
        (answers(hostile.bomb(20), head=b"Content-Encoding: gzip\r\n"), "larger than 8 MiB"),
        (answers(b"x" * 50, head=b"Content-Encoding: gzip\r\n"), "is not packed as gzip"),
        (answers(b"{}", head=b"Content-Encoding: zstd\r\n"), 'packed as "zstd"'),
        (answers(b"{", head=b"Content-Length: 50\r\n"), "broke off"),
        (answers(b"[" * 5000), "not JSON|nested"),
        (answers(b"\xff"), "not UTF-8"),
    ],
)
async def test_an_unfit_answer_has_its_reason(act: hostile.Streams, words: str) -> None:
    """A question is told why its answer does not pass."""
    async with served(act) as port:
        said = await outcome(port, fetch, AMPLE_S)
        assert isinstance(said, UnfitAnswer)
        with pytest.raises(UnfitAnswer, match=words):
            raise said


@pytest.mark.parametrize("bad", ["..", "a/b", "a?b=1", "a#b", "", "a b", "%2e%2e", "a" * 129])
async def test_no_id_changes_the_path(bad: str) -> None:
    """What is no task id is not asked for: no connection is made."""
    asking = client(9)
    for call in (asking.fetch, asking.cancel):
        with pytest.raises(Rejected, match="no task id"):
            await call(bad)
    await asking.close()


async def test_a_redirect_is_not_followed_and_no_cookie_kept() -> None:
    """The key goes to the endpoint alone, and nothing of one answer into the next request."""
    heads: list[bytes] = []

    async def act(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await hostile.asked(reader))
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nSet-Cookie: a=b\r\n"
            b"Content-Length: 0\r\nConnection: close\r\n\r\n"
        )

    async with served(act) as port:
        asking = client(port)
        for _ in range(2):
            with pytest.raises(OutcomeUnknown, match="302"):
                await asking.fetch("t-1")
        await asking.close()
    assert len(heads) == 2
    assert not any(b"cookie" in head.lower() for head in heads)


DATE = b"Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"


@pytest.mark.parametrize(
    ("head", "status", "time_s"),
    [
        (DATE, b"200 OK", 1_767_225_600.0),
        (b"Date: Thu, 01 Jan 2026 00:00:00 -0000\r\n", b"200 OK", 1_767_225_600.0),
        (DATE + b"Age: 900\r\n", b"200 OK", None),
        (DATE, b"502 Bad Gateway", None),
        (b"Date: tomorrow\r\n", b"200 OK", None),
        (b"", b"200 OK", None),
    ],
)
async def test_whose_clock_counts(head: bytes, status: bytes, time_s: float | None) -> None:
    """Only the Date of an answer that is the task API's own: not a gateway's, not a cache's."""
    async with served(answers(TASK + b"}", head=head + JSON, status=status)) as port:
        asking = client(port)
        try:
            await asking.fetch("t-1")
        except OutcomeUnknown:
            assert status != b"200 OK"
        assert asking.server_time == time_s
        await asking.close()


async def test_the_date_of_an_upload_counts_for_nothing() -> None:
    """Neither the policy's answer nor the object store's says what time it is at the task API."""
    async with served(answers(b'{"data":{}}', head=DATE + JSON)) as port:
        asking = client(port)
        with pytest.raises(UnfitAnswer, match="upload_host"):
            await asking.upload("m", "a.mp4", b"x")
        assert asking.server_time is None
        await asking.close()


# ------------------------------------------------------------------ files


async def downloaded(port: int, most_bytes: int = 1 << 20) -> Any:
    async def call(asking: Client) -> Any:
        async with asking.download(f"http://127.0.0.1:{port}/v.mp4", most_bytes=most_bytes) as file:
            return b"".join([chunk async for chunk in file.chunks]), file.size_bytes

    return await outcome(port, call)


async def test_a_download_that_drips_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pace below the least uses the grace up; what comes fast enough goes on beyond it."""
    monkeypatch.setattr(network, "GRACE_S", WITHIN_S)
    async with served(repeats(b"x", pause_s=0.02)) as port:
        said = await downloaded(port)
        assert isinstance(said, OutcomeUnknown)
        assert "too slowly" in said.message
    monkeypatch.setattr(network, "LEAST_BYTES_PER_S", 1000)

    async def steady(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hostile.asked(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 8000\r\n\r\n")
        for _ in range(40):
            writer.write(b"x" * 200)
            await writer.drain()
            await asyncio.sleep(0.02)

    async with served(steady) as port:
        assert await downloaded(port) == (b"x" * 8000, 8000)


@pytest.mark.parametrize(
    "act",
    [
        answers(b"x", head=b"Content-Length: 2000000\r\n"),
        repeats(b"x" * 65536),
        answers(hostile.bomb(4), head=b"Content-Encoding: gzip\r\n"),
    ],
    ids=["promised", "endless", "packed"],
)
async def test_a_video_beyond_all_measure_is_refused(act: hostile.Streams) -> None:
    """By what is promised, or by what has come."""
    async with served(act) as port:
        said = await downloaded(port)
        assert isinstance(said, BadDownload)
        assert "larger than 1 MiB" in said.message


async def test_a_packed_video_is_opened() -> None:
    """Somebody on the way packed it unasked: the bytes are the video's, the length is nobody's."""
    packed = gzip.compress(b"video" * 100)
    head = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n" % len(packed)
    async with served(answers(packed, head=head)) as port:
        assert await downloaded(port) == (b"video" * 100, None)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (b"403 Forbidden", DownloadRefused, r"answered 403 \(AccessDenied\)"),
        (b"404 Not Found", DownloadRefused, r"answered 404 \(AccessDenied\)"),
        (b"500 Oops", OutcomeUnknown, r"answered 500 \(AccessDenied\)"),
    ],
)
async def test_an_error_of_the_object_store(status: bytes, kind: type, words: str) -> None:
    """Its code is told, and its endless rest is not waited for."""
    xml = b"<Error><Code>AccessDenied</Code><Message>Request has expired.</Message>"
    async with served(answers(xml, b"x" * 100, status=status)) as port:
        said = await downloaded(port)
        assert type(said) is kind
        with pytest.raises(kind, match=words):
            raise said


async def test_links_that_lead_nowhere() -> None:
    """A port beyond all ports, a user, a name that is none: words, and no connection."""
    asking = client(9)
    for url in (
        "http://127.0.0.1:99999/a",
        "http://a@127.0.0.1/",
        "http://xn--\u00e4..a/",
        "http://[",
    ):
        with pytest.raises(HostRefused):
            async with asking.download(url, most_bytes=1):
                pass
    await asking.close()


async def test_nobody_is_there() -> None:
    """A closed port is told as such: nothing was sent."""
    said = await outcome(9, create)
    assert isinstance(said, NotReached)


# ------------------------------------------------------------------ memory

PROBE = r"""
import asyncio, re, sys
from pathlib import Path
from reconciler.service.client import Client
from reconciler.formats.secret import Secret
from reconciler.service.endpoints import Endpoint

async def main():
    for port in map(int, sys.argv[1:]):
        url = f"http://127.0.0.1:{port}/api/v1"
        asking = Client(Endpoint(url, url, "mock", None, True), Secret("sk-secret"))
        try:
            print(await asking.create(b"{}", uses_oss=False))
        except Exception as error:
            print(type(error).__name__, error)
        await asking.close()

asyncio.run(main())
print(int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text()).group(1)) // 1024)
"""


# ru_maxrss would count the process of the tests, which this one begins as
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is told by Linux")
async def test_no_answer_takes_memory() -> None:
    """The worst answers, one after another in one process: a peak below 150 MB, imports
    included.
    """
    async with AsyncExitStack() as stack:
        ports = [
            str(await stack.enter_async_context(served(act)))
            for act in hostile.make_worst().values()
        ]
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROBE,
            *ports,
            cwd=Path(__file__).resolve().parents[2],
            stdout=subprocess.PIPE,
        )
        out, _ = await child.communicate()
    *said, peak_mb = out.decode().splitlines()
    assert child.returncode == 0
    assert len(said) == len(ports)
    assert [line for line in said if not line.startswith("OutcomeUnknown")] == []
    assert int(peak_mb) < 150, peak_mb


async def test_nothing_of_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies come as Routes alone: a variable that config.py did not read changes nothing."""
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SSL_CERT_FILE", "/gone.pem")
    async with served(answers(TASK + b"}", head=JSON)) as port:
        assert (await outcome(port, create)).task_id == "t-1"
