"""Makes the film of a plan: an MP4 file whose frames are the request's own media, changed so
that one sees it.

The same plan gives the same bytes in every process: one encoder thread, bit-exact flags, no times
in the file.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Protocol

import av
from av.filter import Graph
from PIL import UnidentifiedImageError

from mockserver.errors import MediaError
from mockserver.media import picture as pictures
from mockserver.media import probe as probes
from mockserver.media.picture import EMBOSSED, Picture
from mockserver.media.reader import Probe
from mockserver.tasks.outcome import MAIN_ROLES, Plan, Source

WATERMARK = "AI Generated"  # API reference, parameters.watermark
_ENCODER = {"preset": "ultrafast", "crf": "25", "flags": "+bitexact"}
# the gate lets nothing else in; a film may name no other file
OPTIONS = {"enable_drefs": "0", "use_absolute_path": "0", "protocol_whitelist": "file"}
_AUDIO_RATE = 48_000

MediumPath = Callable[[str], Path]


class Renderer(Protocol):
    """What makes films. Both methods may run in a thread, several at once; both may be repeated."""

    def probe(self, path: Path, kind: str) -> Probe:
        """What a stored medium is. Raises MediaError."""

    def render(self, plan: Plan, medium: MediumPath, target: Path) -> None:
        """Write the film of a plan to a file; `medium` finds the bytes of a source by its SHA-256."""


class FilmRenderer:
    """Real films with FFmpeg's libraries, in process."""

    def probe(self, path: Path, kind: str) -> Probe:
        """What a stored medium is. Raises MediaError."""
        return probes.probe(path, kind)

    def render(self, plan: Plan, medium: MediumPath, target: Path) -> None:
        """Write the film of a plan to a file. Raises MediaError for a medium that breaks on the way."""
        with tempfile.TemporaryDirectory(prefix="film-") as folder:
            try:
                _Film(plan, medium, Path(folder)).write(target)
            except (av.error.InvalidDataError, UnidentifiedImageError, SyntaxError) as error:
                raise MediaError(
                    "InvalidFile.Openerror", "A media file cannot be decoded to its end"
                ) from error


class _Film:
    def __init__(self, plan: Plan, medium: MediumPath, folder: Path) -> None:
        self._plan, self._medium, self._folder = plan, medium, folder
        self._graph = Graph()
        self._graph.threads = 1
        self._pngs = 0

    # ---- writing
    # ---------------------------------------------------------------------------------------------------

    def write(self, target: Path) -> None:
        plan = self._plan
        last = self._marked(self._referenced(self._scene())).pixels("yuv420p").to("buffersink")
        self._graph.configure()
        options = {"fflags": "+bitexact", "movflags": "+faststart"}
        with av.open(str(target), "w", format="mp4", options=options) as container:
            container.metadata["comment"] = (
                f"Made by cutlist's bundled server, look {plan.look[:16]}"
            )
            video = container.add_stream("libx264", rate=plan.fps, options=dict(_ENCODER))
            video.width, video.height, video.pix_fmt = plan.width, plan.height, "yuv420p"
            video.codec_context.thread_count = 1
            video.codec_context.time_base = Fraction(1, plan.fps)
            sound = (
                container.add_stream("aac", rate=_AUDIO_RATE, options={"flags": "+bitexact"})
                if plan.audio
                else None
            )
            for i in range(plan.frames):
                frame = last.pull()
                frame.pts, frame.time_base = i, Fraction(1, plan.fps)
                frame.pict_type = av.video.frame.PictureType.NONE
                container.mux(video.encode(frame))
            container.mux(video.encode())
            if sound is not None:
                self._copy_sound(container, sound)

    def _copy_sound(self, container: av.container.OutputContainer, sound: av.AudioStream) -> None:
        main = self._main()
        left = self._plan.frames * _AUDIO_RATE // self._plan.fps
        resampler = av.AudioResampler(
            format="fltp", layout="stereo", rate=_AUDIO_RATE, frame_size=1024
        )
        with av.open(str(self._medium(main.digest[7:])), format="mov", options=OPTIONS) as source:
            done = 0
            for frame in source.decode(audio=0):
                frame.pts = None
                for part in resampler.resample(frame):
                    if done + part.samples > left:
                        container.mux(sound.encode())
                        return
                    part.pts, part.time_base = done, Fraction(1, _AUDIO_RATE)
                    done += part.samples
                    container.mux(sound.encode(part))
            container.mux(sound.encode())

    # ---- scenes
    # ----------------------------------------------------------------------------------------------------

    def _scene(self) -> Picture:
        scenes = {
            "image_reference": self._gathered,
            "video_repainting": self._repainted,
            "video_edit": self._masked,
            "video_extension": self._extended,
            "video_outpainting": self._widened,
        }
        return scenes.get(self._plan.function or "", self._changed)()

    def _changed(self) -> Picture:
        """The input video, with a look."""
        return self._filling(self._main()).look(self._plan.look)

    def _gathered(self) -> Picture:
        """The subjects moving before the background (image_reference)."""
        plan = self._plan
        images = plan.all("ref_images_url")
        parts = plan.settings.get("obj_or_bg") or ["obj"] * len(images)
        pairs = list(zip(images, parts, strict=False))
        ground = next((image for image, part in pairs if part == "bg"), images[0])
        scene = self._filling(ground).look(plan.look)
        subjects = [image for image, part in pairs if part == "obj"]
        for i, image in enumerate(subjects):
            place = f"(W-w)*{(i + 1) / (len(subjects) + 1):.3f}"
            inset = self._inset(image, (plan.width // (len(subjects) + 1), plan.height * 2 // 3))
            scene = scene.join(
                "overlay", inset, x=f"{place}+W/12*sin(t*1.5+{i})", y=f"(H-h)*0.7+H/24*cos(t*2+{i})"
            )
        return scene

    def _repainted(self) -> Picture:
        """What the control condition keeps of the video, with a look (video_repainting)."""
        kept = self._filling(self._main())
        match self._plan.settings.get("control_condition"):
            case "scribble":
                kept = kept.to(EMBOSSED[0], **EMBOSSED[1]).to("hue", s="0.4").pixels("yuv420p")
            case "depth":
                kept = kept.to("avgblur", sizeX="12")
            case "posebody" | "posebodyface":
                kept = kept.to("pixelize", w="16", h="16")
        # higher stays closer to the input (the guide)
        away = 1.0 - self._plan.settings.get("strength", 1.0)
        if away > 0:
            kept = (
                kept.to("gblur", sigma=f"{20 * away:.3f}")
                .to("hue", h=f"{120 * away:.3f}")
                .pixels("yuv420p")
            )
        return kept.look(self._plan.look)

    def _masked(self) -> Picture:
        """The look where the mask is white, the video elsewhere (video_edit)."""
        mask = self._plan.first("mask_image_url", "mask_video_url")
        if mask is None:
            return self._changed()
        main = self._main()
        kept, changed = (
            self._filling(main).pixels("gbrp"),
            self._filling(main).look(self._plan.look).pixels("gbrp"),
        )
        white = self._filling(mask).pixels("gray").to("lut", c0="if(gte(val,128),255,0)")
        if mask.kind == "image" and self._tracked():
            white = white.swaying(self._plan.width, self._plan.height)
        if (grown := self._grown()) > 0:
            white = white.to("avgblur", sizeX=str(grown)).to("lut", c0="if(gte(val,1),255,0)")
        white = white.pixels("gbrp")
        return kept.join("maskedmerge", changed, white).pixels("yuv420p")

    def _grown(self) -> int:
        """Pixels by which the mask grows outward: `expand_ratio` of half the shorter side, while
        it is tracked.

        The guide says "how far", not of what (assumption); a mask that is fixed does not grow.
        """
        if not self._tracked():
            return 0
        return int(
            self._plan.settings.get("expand_ratio", 0.05)
            * min(self._plan.width, self._plan.height)
            / 2
        )

    def _tracked(self) -> bool:
        """Whether the mask follows its target. What that is nobody knows here: an image of a mask
        just sways.
        """
        return bool(self._plan.settings.get("mask_type", "tracking") == "tracking")

    def _extended(self) -> Picture:
        """What was given as it is, and between or around it more of the same with a look
        (video_extension).
        """
        plan = self._plan
        first = plan.first("first_clip_url", "first_frame_url")
        last = plan.first("last_clip_url", "last_frame_url")
        whole = plan.frames
        head = self._given_frames(first, whole * 3 // 5)
        tail = self._given_frames(last, whole * 3 // 5 - (head if last and first else 0))
        between = whole - head - tail
        parts = []
        if first is not None and head:
            parts.append(self._filling(first).first(head))
        if between > 0:
            parts.append(self._changed().first(between))
        if last is not None and tail:
            parts.append(self._filling(last).first(tail))
        parts = [part.to("setpts", expr="PTS-STARTPTS").to("setsar", sar="1") for part in parts]
        if len(parts) == 1:
            return parts[0]
        return (
            parts[0]
            .join("concat", *parts[1:], n=str(len(parts)), v="1", a="0")
            .to("fps", fps=str(plan.fps))
        )

    def _given_frames(self, source: Source | None, most: int) -> int:
        if source is None:
            return 0
        own = (
            round(source.duration_s * self._plan.fps)
            if source.kind == "video"
            else self._plan.fps // 2
        )
        return max(1, min(own, most))

    def _widened(self) -> Picture:
        """The video inside a larger, blurred frame of itself (video_outpainting)."""
        plan, main = self._plan, self._main()
        left, right, top, bottom = (
            plan.settings.get(f"{side}_scale", 1.0) for side in ("left", "right", "top", "bottom")
        )
        wide, high = _even(plan.width / (left + right - 1)), _even(plan.height / (top + bottom - 1))
        inside = self._moving(main).scale(wide, high).to("setsar", sar="1").pixels("yuv420p")
        around = (
            self._filling(main)
            .scale(wide // 8, high // 8)
            .scale(plan.width, plan.height)
            .look(plan.look)
        )
        return around.join(
            "overlay", inside, x=str(round((left - 1) * wide)), y=str(round((top - 1) * high))
        )

    # ---- parts
    # -----------------------------------------------------------------------------------------------------

    def _main(self) -> Source:
        main = self._plan.first(*MAIN_ROLES)
        assert main is not None, self._plan.function
        return main

    def _filling(self, source: Source) -> Picture:
        """A source over the whole frame, endless."""
        plan = self._plan
        if source.kind == "image":
            path = self._next_png()
            pictures.filled(self._bytes_of(source), source, (plan.width, plan.height), path)
            return (
                pictures.still(self._graph, path, plan.fps).pixels("yuv420p").to("setsar", sar="1")
            )
        return self._moving(source).fit(plan.width, plan.height, source)

    def _moving(self, source: Source) -> Picture:
        if source.stored:
            return pictures.clip(
                self._graph, self._medium(source.digest[7:]), self._plan.fps, source.turn
            )
        return pictures.made_up_clip(self._graph, source, self._plan.fps)

    def _referenced(self, scene: Picture) -> Picture:
        """Reference images as small insets at the lower left, so that one sees they were used."""
        plan = self._plan
        if plan.function == "image_reference":
            return scene
        side = min(plan.width, plan.height) // 5
        for i, image in enumerate([*plan.all("reference_image"), *plan.all("ref_images_url")]):
            inset = self._inset(image, (side, side))
            scene = scene.join(
                "overlay", inset, x=str(side // 8 + i * (side + side // 8)), y=f"H-h-{side // 8}"
            )
        return scene

    def _marked(self, scene: Picture) -> Picture:
        if not self._plan.watermark:
            return scene
        path = self._next_png()
        pictures.label(WATERMARK, self._plan.height, path)
        margin = max(4, self._plan.height // 40)
        mark = Picture.source(self._graph, "movie", filename=str(path))
        return scene.join("overlay", mark, x=f"W-w-{margin}", y=f"H-h-{margin}")

    def _inset(self, source: Source, box: tuple[int, int]) -> Picture:
        path = self._next_png()
        pictures.thumbnail(self._bytes_of(source), source, box, path)
        return Picture.source(self._graph, "movie", filename=str(path))

    def _bytes_of(self, source: Source) -> Path | None:
        return self._medium(source.digest[7:]) if source.stored else None

    def _next_png(self) -> Path:
        self._pngs += 1
        return self._folder / f"{self._pngs}.png"


def _even(side: float) -> int:
    return max(2, round(side / 2) * 2)
