"""Result URLs: who may fetch, for how long, and how."""

import asyncio
import hashlib


async def result_url(api):
    return (await api.finished(api.wan()))["output"]["video_url"]


async def test_a_result_needs_no_key_and_tells_its_length(api):
    """200 video/mp4 with Content-Length, ETag and the shape of a signed URL."""
    url = await result_url(api)
    assert ".mp4?Expires=" in url
    assert "&OSSAccessKeyId=" in url
    assert "&Signature=" in url
    answer = await api.http.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "video/mp4"
    assert int(answer.headers["content-length"]) == len(answer.content) > 0
    assert answer.headers["etag"]
    assert "transfer-encoding" not in answer.headers


async def test_head_and_ranges(api):
    """HEAD has the headers alone; a range is 206 with its bytes; an unusable one is the whole."""
    url = await result_url(api)
    whole = (await api.http.get(url)).content
    head = await api.http.head(url)
    assert (head.status_code, int(head.headers["content-length"]), head.content) == (
        200,
        len(whole),
        b"",
    )
    for wanted, part in (
        ("bytes=5-9", whole[5:10]),
        ("bytes=-7", whole[-7:]),
        ("bytes=100-", whole[100:]),
    ):
        answer = await api.http.get(url, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (206, part)
    assert answer.headers["content-range"] == f"bytes 100-{len(whole) - 1}/{len(whole)}"
    for wanted in ("bytes=999999-", "lines=1-2"):
        answer = await api.http.get(url, headers={"Range": wanted})
        assert (answer.status_code, answer.content) == (200, whole)


async def test_a_url_expires_24_hours_after_the_end(api):
    """Then 403 AccessDenied `Request has expired.` as XML; fetching again gives no later one."""
    task_id = await api.create(api.wan())
    api.clock.advance(60)
    url = (await api.fetch(task_id))["output"]["video_url"]
    expires = int(url.split("Expires=")[1].split("&")[0])
    api.clock.advance(expires - api.clock.now() - 1)
    assert (await api.http.get(url)).status_code == 200
    api.clock.advance(1)
    answer = await api.http.get(url)
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("application/xml")
    assert "<Code>AccessDenied</Code><Message>Request has expired.</Message>" in answer.text


async def test_a_changed_url_is_refused(api):
    """403 SignatureDoesNotMatch for a later Expires, another object, another or no signature."""
    url = await result_url(api)
    expires = url.split("Expires=")[1].split("&")[0]
    changed = [
        url.replace(expires, str(int(expires) + 9)),
        url.replace(expires, "x"),
        url.replace(".mp4", "x.mp4"),
        url + "x",
        url.split("?")[0],
    ]
    for other in changed:
        answer = await api.http.get(other)
        assert answer.status_code == 403
        assert "<Code>SignatureDoesNotMatch</Code>" in answer.text


async def test_no_such_object(api):
    """404 NoSuchKey for a signed URL whose object is gone."""
    url = await result_url(api)
    api.server.reset()
    answer = await api.http.get(url)
    assert answer.status_code == 404
    assert "<Code>NoSuchKey</Code>" in answer.text


async def test_a_lost_film_is_made_again(serve, tmp_path):
    """The state's row is the truth; the file follows from it."""
    async with serve(state_dir=tmp_path) as api:
        url = await result_url(api)
        before = (await api.http.get(url)).content
        for path in (tmp_path / "films").iterdir():
            path.unlink()
        assert (await api.http.get(url)).content == before


async def test_films_nobody_can_fetch_any_more_are_removed_at_start(serve, tmp_path):
    """Disk use follows the 24 hours."""
    async with serve(state_dir=tmp_path) as api:
        clock = api.clock
        await result_url(api)
        assert len(list((tmp_path / "films").iterdir())) == 1
    clock.advance(90_000)
    async with serve(state_dir=tmp_path, clock=clock):
        assert not list((tmp_path / "films").iterdir())


async def test_public_url_is_where_results_are(serve):
    """Result URLs begin with the public URL when there is one, else with the host that the client
    named.
    """
    async with serve(public_url="http://mock.example") as api:
        assert (await result_url(api)).startswith("http://mock.example/oss/")
    async with serve() as api:
        task_id = await api.create(api.wan())
        api.clock.advance(60)
        headers = {"Authorization": "Bearer sk-mock", "Host": "other.example:99"}
        answer = await api.http.get(f"/tasks/{task_id}", headers=headers)
        assert answer.json()["output"]["video_url"].startswith("http://other.example:99/oss/")


async def test_equal_films_are_rendered_once(serve):
    """Two tasks of one request and seed share a file; two films at most are rendered at a time."""
    running, most, release = 0, 0, asyncio.Event()

    async def counted(function, *args):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        return function(*args)

    async with serve(run_blocking=counted) as api:
        tasks = [await api.create(api.wan(prompt=str(i // 2), seed=1)) for i in range(8)]
        api.clock.advance(60)
        waiting = [asyncio.ensure_future(api.fetch(task)) for task in tasks]
        release.set()
        urls = [(await answer)["output"]["video_url"] for answer in waiting]
        films = [hashlib.sha256((await api.http.get(url)).content).hexdigest() for url in urls]
        assert len(set(urls)) == 8
        assert len(set(films)) == 4
        assert films[0::2] == films[1::2]
        assert len(api.server._renderer.rendered) == 4
    assert most == 2
