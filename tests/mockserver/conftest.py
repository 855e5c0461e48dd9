"""A server on virtual time, a client of its API, and small media. Nothing here sleeps or reads the
wall clock.
"""

from __future__ import annotations

import io
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from urllib.parse import urlsplit

import av
import httpx
import pytest
from PIL import Image

from mockserver import MockServer, Recorder, VirtualClock
from mockserver.media.probe.client import probe_file
from tests.described import Watch

CREATE = "/services/aigc/video-generation/video-synthesis"
VIDEO = {"type": "video", "url": "https://example.com/clip.mp4"}
IMAGE = {"type": "reference_image", "url": "https://example.com/look.png"}


class QuickRenderer:
    """Looks into real media, but writes a few bytes in place of a film: for tests that are not
    about pictures.
    """

    def __init__(self):
        self.rendered = []

    def probe(self, path, kind):
        return probe_file(path, kind)

    def render(self, plan, medium, target):
        self.rendered.append(plan)
        target.write_bytes(f"film {plan.name}".encode() * 40)


class Api:
    """What a client does, over a real connection."""

    def __init__(self, server, http):
        self.server, self.http, self.clock = server, http, server.clock

    def wan(self, prompt="make it snow", media=(VIDEO,), **parameters):
        return {
            "model": "wan2.7-videoedit",
            "input": {"prompt": prompt, "media": list(media)},
            "parameters": {"resolution": "720P", **parameters},
        }

    def vace(self, function, parameters=None, **fields):
        inputs = {"function": function, "prompt": "a lion", **fields}
        return {"model": "wan2.1-vace-plus", "input": inputs, "parameters": parameters or {}}

    async def post(self, body, key="sk-mock", **headers):
        headers = {
            "X-DashScope-Async": "enable",
            "X-DashScope-OssResourceResolve": "enable",
            **headers,
        }
        auth = {"Authorization": f"Bearer {key}"} if key else {}
        return await self.http.post(CREATE, json=body, headers={**auth, **headers})

    async def create(self, body, **kwargs):
        answer = await self.post(body, **kwargs)
        assert answer.status_code == 200, answer.text
        return answer.json()["output"]["task_id"]

    async def get(self, path, key="sk-mock", **params):
        return await self.http.get(path, headers={"Authorization": f"Bearer {key}"}, params=params)

    async def fetch(self, task_id, key="sk-mock"):
        answer = await self.get(f"/tasks/{task_id}", key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def status(self, task_id, key="sk-mock"):
        return (await self.fetch(task_id, key))["output"]["task_status"]

    async def cancel(self, task_id, key="sk-mock"):
        return await self.http.post(
            f"/tasks/{task_id}/cancel", headers={"Authorization": f"Bearer {key}"}
        )

    async def finished(self, body, **kwargs):
        """The answer to a fetch after the task's time."""
        task_id = await self.create(body, **kwargs)
        self.clock.advance(60)
        return await self.fetch(task_id)

    async def film(self, body, **kwargs):
        """The bytes of the video that a body gives."""
        done = await self.finished(body, **kwargs)
        assert done["output"]["task_status"] == "SUCCEEDED", done
        answer = await self.http.get(done["output"]["video_url"])
        assert answer.status_code == 200, answer.text
        return answer.content

    async def policy(self, model="wan2.7-videoedit", key="sk-mock"):
        return (await self.get("/uploads", key, action="getPolicy", model=model)).json()["data"]

    async def send_form(self, policy, name, data, /, **changes):
        """The upload form as the vendor's SDK sends it; `changes` replace fields."""
        form = {
            "OSSAccessKeyId": policy["oss_access_key_id"],
            "Signature": policy["signature"],
            "policy": policy["policy"],
            "key": f"{policy['upload_dir']}/{name}",
            "x-oss-object-acl": policy["x_oss_object_acl"],
            "x-oss-forbid-overwrite": policy["x_oss_forbid_overwrite"],
            "success_action_status": "200",
            "x-oss-content-type": "video/mp4",
            **changes,
        }
        return await self.http.post(policy["upload_host"], data=form, files={"file": (name, data)})

    async def upload(self, name, data, model="wan2.7-videoedit", key="sk-mock"):
        policy = await self.policy(model, key)
        answer = await self.send_form(policy, name, data)
        assert answer.status_code == 200, answer.text
        return f"oss://{policy['upload_dir']}/{name}"

    async def mock(self, method, path, **kwargs):
        """A call of the admin API."""
        parts = urlsplit(self.server.url)
        return await self.http.request(
            method, f"{parts.scheme}://{parts.netloc}/_mock/{path}", **kwargs
        )


@pytest.fixture
def serve():
    """Starts servers: `async with serve(**options) as api`.

    Every answer must be one that schemas/dashscope.openapi.yaml describes, unless it is not
    `described`.
    """

    @asynccontextmanager
    async def start(described=True, **options):
        options = {"clock": VirtualClock(), "renderer": QuickRenderer(), **options}
        watch = Watch()
        async with (
            watch.over(MockServer(**options)) as server,
            httpx.AsyncClient(base_url=server.url, timeout=60, verify=False) as http,
        ):
            yield Api(server, http)
        assert watch.undescribed == [] or not described

    return start


@pytest.fixture
async def api(serve):
    """A fresh server in memory with quick films."""
    async with serve() as api:
        yield api


@pytest.fixture
async def filming(serve):
    """A fresh server in memory with real films."""
    async with serve(renderer=None) as api:
        yield api


def make_clip(
    path: Path, width=320, height=240, seconds=2.0, fps=30, colour=(200, 40, 40), sound=False
):
    """A clip with a white square that moves over one colour."""
    with av.open(str(path), "w") as container:
        video = container.add_stream(
            "libx264", rate=fps, options={"preset": "ultrafast", "crf": "12"}
        )
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = container.add_stream("aac", rate=48000) if sound else None
        for i in range(round(seconds * fps)):
            image = Image.new("RGB", (width, height), colour)
            image.paste(
                (255, 255, 255),
                (i % (width // 2), height // 3, i % (width // 2) + width // 8, height // 2),
            )
            container.mux(video.encode(av.VideoFrame.from_image(image)))
        container.mux(video.encode())
        if audio is not None:
            _add_sound(container, audio, seconds)
    return path.read_bytes()


def _add_sound(container, audio, seconds):
    for i in range(int(seconds * 48000) // 1024):
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=1024)
        frame.sample_rate, frame.pts, frame.time_base = 48000, i * 1024, Fraction(1, 48000)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(audio.encode(frame))
    container.mux(audio.encode())


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Bytes of a clip of 2 s, 320*240, red."""
    return make_clip(tmp_path_factory.mktemp("media") / "clip.mp4")


@pytest.fixture
def clip_of(tmp_path):
    """Bytes of a clip with other properties."""
    return lambda **properties: make_clip(
        tmp_path / f"clip{properties.pop('suffix', '.mp4')}", **properties
    )


@pytest.fixture
def image_of():
    """Bytes of an image file of one colour."""

    def make(size=(300, 300), colour=(0, 0, 255), form="PNG", mode="RGB"):
        file = io.BytesIO()
        Image.new(mode, size, colour).save(file, form)
        return file.getvalue()

    return make


class Film:
    """A decoded video."""

    def __init__(self, data: bytes):
        with av.open(io.BytesIO(data)) as container:
            stream = container.streams.video[0]
            self.size, self.codec, self.pixels = (
                (stream.width, stream.height),
                stream.codec.name,
                stream.pix_fmt,
            )
            self.rate, self.sounds = stream.average_rate, len(container.streams.audio)
            self.frames = [frame.to_image() for frame in container.decode(video=0)]
        self.audio_s = 0.0
        if self.sounds:
            with av.open(io.BytesIO(data)) as container:
                self.audio_s = sum(f.samples for f in container.decode(audio=0)) / 48000

    @property
    def seconds(self):
        return len(self.frames) / 30

    def mean(self, frame, box):
        """The mean colour of a part of a frame; the box in shares of the sides."""
        wide, high = self.size
        part = self.frames[frame].crop(
            (int(box[0] * wide), int(box[1] * high), int(box[2] * wide), int(box[3] * high))
        )
        return part.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))


@pytest.fixture
def decode():
    """Decodes the bytes of a video."""
    return Film


@pytest.fixture
def taped(serve, tmp_path):
    """`await taped(live)`: a file with what a function does with a client of a bundled server."""

    async def tape(live, **options):
        file = tmp_path / "day.jsonl"
        async with serve(task_seconds=(30.0, 30.0), **options) as api:
            recorder = Recorder(api.server.url, file, clock=api.clock)
            async with recorder, httpx.AsyncClient(base_url=recorder.url, timeout=60) as http:
                api.http = http
                await live(api)
            assert recorder.left_out == 0
        return file

    return tape
