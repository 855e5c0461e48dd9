"""Writes the film of a plan: an MP4 file whose pictures visibly come from the request's own media.

The same plan gives the same bytes in every process: one encoder thread, bit-exact flags, no times
in the file.
"""

from __future__ import annotations

import math
import struct
import tempfile
from fractions import Fraction
from pathlib import Path

import av
from PIL import UnidentifiedImageError

from mockserver.errors import MediaError
from mockserver.media.plan import FilmPlan
from mockserver.media.probe.client import detect_form
from mockserver.media.renderer import MediumPath
from mockserver.media.scenes import SceneBuilder

_ENCODER = {"preset": "ultrafast", "crf": "25", "flags": "+bitexact"}
# The probe lets nothing else in, and a film may name no other file.
OPTIONS = {"enable_drefs": "0", "use_absolute_path": "0", "protocol_whitelist": "file"}
_AUDIO_RATE = 48_000
_FRAME_SAMPLES = 1024


def write_film(plan: FilmPlan, medium: MediumPath, target: Path) -> None:
    """Write the film of a plan to a file.

    Raises MediaError for a medium whose end cannot be decoded.
    """
    with tempfile.TemporaryDirectory(prefix="film-") as folder:
        try:
            _write_film(plan, medium, Path(folder), target)
        except (av.error.InvalidDataError, UnidentifiedImageError, SyntaxError) as error:
            raise MediaError(
                "InvalidFile.Openerror", "A media file cannot be decoded to its end"
            ) from error


def _write_film(plan: FilmPlan, medium: MediumPath, folder: Path, target: Path) -> None:
    scenes = SceneBuilder(plan, medium, folder)
    end = scenes.build_film()
    options = {"fflags": "+bitexact", "movflags": "+faststart"}
    with av.open(str(target), "w", format="mp4", options=options) as container:
        container.metadata["comment"] = f"Made by cutlist's bundled server, look {plan.look[:16]}"
        video = container.add_stream("libx264", rate=plan.fps, options=dict(_ENCODER))
        video.width, video.height, video.pix_fmt = plan.width, plan.height, "yuv420p"
        video.codec_context.thread_count = 1
        video.codec_context.time_base = Fraction(1, plan.fps)
        sound: av.AudioStream | None = None
        if plan.audio:
            sound = container.add_stream("aac", rate=_AUDIO_RATE, options={"flags": "+bitexact"})
        for i in range(plan.frames):
            frame = end.pull()
            frame.pts, frame.time_base = i, Fraction(1, plan.fps)
            frame.pict_type = av.video.frame.PictureType.NONE
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None:
            heard, most = scenes.find_sound(), plan.frames * _AUDIO_RATE // plan.fps
            if heard.audio:
                _copy_sound(medium(heard.sha256), container, sound, most)
            else:
                _write_hum(container, sound, most, pitch=4 + int(plan.look[:1], 16))


def _write_hum(
    container: av.container.OutputContainer, sound: av.AudioStream, most: int, *, pitch: int
) -> None:
    """Encode the sound that a model makes up, `most` samples: a quiet tone with so many waves in
    a frame.
    """
    wave = [math.sin(2 * math.pi * pitch * i / _FRAME_SAMPLES) / 8 for i in range(_FRAME_SAMPLES)]
    samples = struct.pack(f"<{_FRAME_SAMPLES}f", *wave)
    for begin in range(0, most, _FRAME_SAMPLES):
        length = min(_FRAME_SAMPLES, most - begin)
        frame = av.AudioFrame(format="fltp", layout="stereo", samples=length)
        for plane in frame.planes:
            plane.update(samples[: 4 * length].ljust(plane.buffer_size, b"\0"))
        frame.sample_rate, frame.pts = _AUDIO_RATE, begin
        frame.time_base = Fraction(1, _AUDIO_RATE)
        container.mux(sound.encode(frame))
    container.mux(sound.encode())


def _copy_sound(
    path: Path, container: av.container.OutputContainer, sound: av.AudioStream, most: int
) -> None:
    """Encode the sound of a video or a sound anew, up to `most` samples."""
    resampler = av.AudioResampler(
        format="fltp", layout="stereo", rate=_AUDIO_RATE, frame_size=_FRAME_SAMPLES
    )
    with path.open("rb") as file:
        form = detect_form(file.read(16))
    demuxer = "mov" if form == "mp4" else form
    options = OPTIONS if form == "mp4" else {"protocol_whitelist": "file"}
    with av.open(str(path), format=demuxer, options=options) as source:
        count = 0
        for frame in source.decode(audio=0):
            frame.pts = None
            for part in resampler.resample(frame):
                if count + part.samples > most:
                    container.mux(sound.encode())
                    return
                part.pts, part.time_base = count, Fraction(1, _AUDIO_RATE)
                count += part.samples
                container.mux(sound.encode(part))
        container.mux(sound.encode())
