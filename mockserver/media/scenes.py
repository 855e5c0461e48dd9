"""The scenes of films: for each function of a model, a chain of filters over the media."""

from __future__ import annotations

from pathlib import Path

from av.filter import Graph

from mockserver.media.picture import (
    EMBOSS,
    Picture,
    draw_clip,
    draw_made_up_clip,
    draw_still,
    round_even,
    write_filled,
    write_label,
    write_thumbnail,
)
from mockserver.media.plan import MAIN_ROLES, SOUND_ROLES, FilmPlan, Source
from mockserver.media.renderer import MediumPath

WATERMARK = "AI Generated"  # API reference, parameters.watermark


class SceneBuilder:
    """Builds the filter graph of one film; `folder` takes the images that it needs on the way."""

    def __init__(self, plan: FilmPlan, medium: MediumPath, folder: Path) -> None:
        self._plan, self._medium, self._folder = plan, medium, folder
        self._graph = Graph()
        self._graph.threads = 1
        self._pngs = 0

    def build_film(self) -> Picture:
        """The end of the whole graph, from which the frames of the film are pulled."""
        scene = self._add_watermark(self._add_references(self._build_scene()))
        end = scene.convert("yuv420p").apply("buffersink")
        self._graph.configure()
        return end

    def get_main(self) -> Source:
        """The medium that the film is made of; where none was given, one that is made up."""
        plan = self._plan
        main = plan.find_first(*MAIN_ROLES)
        seconds = plan.frames / plan.fps
        made_up = Source("video", "video", f"url:{plan.look}", plan.width, plan.height, seconds)
        return main or made_up

    # ---- one scene for each function

    def find_sound(self) -> Source:
        """The medium that is heard: a sound that was given for it, or the main one."""
        sound = self._plan.find_first(*SOUND_ROLES)
        return sound if sound is not None and sound.stored else self.get_main()

    def _build_scene(self) -> Picture:
        builders = {
            "image_reference": self._gather_subjects,
            "video_repainting": self._repaint,
            "video_edit": self._edit_masked,
            "video_extension": self._extend,
            "video_outpainting": self._widen,
        }
        usual = self._extend if self._find_ends() != (None, None) else self._change
        return builders.get(self._plan.function or "", usual)()

    def _change(self) -> Picture:
        """The input video, with a look."""
        return self._fill(self.get_main()).apply_look(self._plan.look)

    def _gather_subjects(self) -> Picture:
        """The subjects moving before the background (image_reference)."""
        plan = self._plan
        images = plan.list_sources("ref_images_url")
        parts = plan.settings.get("obj_or_bg") or ["obj"] * len(images)
        pairs = list(zip(images, parts, strict=False))
        ground = next((image for image, part in pairs if part == "bg"), images[0])
        scene = self._fill(ground).apply_look(plan.look)
        subjects = [image for image, part in pairs if part == "obj"]
        for i, image in enumerate(subjects):
            place = f"(W-w)*{(i + 1) / (len(subjects) + 1):.3f}"
            inset = self._inset(image, (plan.width // (len(subjects) + 1), plan.height * 2 // 3))
            scene = scene.join(
                "overlay", inset, x=f"{place}+W/12*sin(t*1.5+{i})", y=f"(H-h)*0.7+H/24*cos(t*2+{i})"
            )
        return scene

    def _repaint(self) -> Picture:
        """What the control condition keeps of the video, with a look (video_repainting)."""
        scene = self._fill(self.get_main())
        match self._plan.settings.get("control_condition"):
            case "scribble":
                name, options = EMBOSS
                scene = scene.apply(name, **options).apply("hue", s="0.4").convert("yuv420p")
            case "depth":
                scene = scene.apply("avgblur", sizeX="12")
            case "posebody" | "posebodyface":
                scene = scene.apply("pixelize", w="16", h="16")
        # A higher strength stays closer to the input (the guide).
        distance = 1.0 - self._plan.settings.get("strength", 1.0)
        if distance > 0:
            blurred = scene.apply("gblur", sigma=f"{20 * distance:.3f}")
            scene = blurred.apply("hue", h=f"{120 * distance:.3f}").convert("yuv420p")
        return scene.apply_look(self._plan.look)

    def _edit_masked(self) -> Picture:
        """The look where the mask is white, the video elsewhere (video_edit)."""
        mask = self._plan.find_first("mask_image_url", "mask_video_url")
        if mask is None:
            return self._change()
        main = self.get_main()
        original = self._fill(main).convert("gbrp")
        changed = self._fill(main).apply_look(self._plan.look).convert("gbrp")
        white = self._fill(mask).convert("gray").apply("lut", c0="if(gte(val,128),255,0)")
        if mask.kind == "image" and self._is_mask_tracked():
            white = white.shift_sideways(self._plan.width, self._plan.height)
        growth_px = self._compute_mask_growth()
        if growth_px > 0:
            spread = white.apply("avgblur", sizeX=str(growth_px))
            white = spread.apply("lut", c0="if(gte(val,1),255,0)")
        white = white.convert("gbrp")
        return original.join("maskedmerge", changed, white).convert("yuv420p")

    def _compute_mask_growth(self) -> int:
        """Pixels by which the mask grows outward: `expand_ratio` of half the shorter side.

        The guide says "how far", not of what (assumption). A mask that is fixed does not grow.
        """
        if not self._is_mask_tracked():
            return 0
        ratio = self._plan.settings.get("expand_ratio", 0.05)
        return int(ratio * min(self._plan.width, self._plan.height) / 2)

    def _is_mask_tracked(self) -> bool:
        """Whether the mask follows its target.

        What the target is cannot be known here: an image of a mask just sways.
        """
        return bool(self._plan.settings.get("mask_type", "tracking") == "tracking")

    def _extend(self) -> Picture:
        """The given clips as they are, with more of the same between or around (video_extension).

        What is added has a look.
        """
        plan = self._plan
        first, last = self._find_ends()
        most = plan.frames * 3 // 5
        head = self._count_frames(first, most)
        tail = self._count_frames(last, most - (head if last and first else 0))
        added = plan.frames - head - tail
        parts = []
        if first is not None and head:
            parts.append(self._fill(first).trim(head))
        if added > 0:
            parts.append(self._change().trim(added))
        if last is not None and tail:
            parts.append(self._fill(last).trim(tail))
        parts = [
            part.apply("setpts", expr="PTS-STARTPTS").apply("setsar", sar="1") for part in parts
        ]
        if len(parts) == 1:
            return parts[0]
        whole = parts[0].join("concat", *parts[1:], n=str(len(parts)), v="1", a="0")
        return whole.apply("fps", fps=str(plan.fps))

    def _find_ends(self) -> tuple[Source | None, Source | None]:
        """What the film begins with and what it ends with, where that was given."""
        first = ("first_clip_url", "first_frame_url", "first_clip", "first_frame")
        last = ("last_clip_url", "last_frame_url", "last_frame")
        return self._plan.find_first(*first), self._plan.find_first(*last)

    def _count_frames(self, source: Source | None, most: int) -> int:
        """How many frames of the film a given clip or image takes; 0 where none was given."""
        if source is None:
            return 0
        frames = self._plan.fps // 2
        if source.kind == "video":
            frames = round(source.duration_s * self._plan.fps)
        return max(1, min(frames, most))

    def _widen(self) -> Picture:
        """The video inside a larger, blurred frame of itself (video_outpainting)."""
        plan, main = self._plan, self.get_main()
        left, right, top, bottom = (
            plan.settings.get(f"{side}_scale", 1.0) for side in ("left", "right", "top", "bottom")
        )
        wide = round_even(plan.width / (left + right - 1))
        high = round_even(plan.height / (top + bottom - 1))
        inside = self._play(main).resize(wide, high).apply("setsar", sar="1").convert("yuv420p")
        blurred = self._fill(main).resize(wide // 8, high // 8).resize(plan.width, plan.height)
        around = blurred.apply_look(plan.look)
        return around.join(
            "overlay", inside, x=str(round((left - 1) * wide)), y=str(round((top - 1) * high))
        )

    # ---- what scenes are made of

    def _fill(self, source: Source) -> Picture:
        """A source over the whole frame, endless."""
        plan = self._plan
        if source.kind == "image":
            path = self._name_png()
            write_filled(self._find_bytes(source), source, (plan.width, plan.height), path)
            still = draw_still(self._graph, path, plan.fps)
            return still.convert("yuv420p").apply("setsar", sar="1")
        return self._play(source).fit(plan.width, plan.height, source)

    def _play(self, source: Source) -> Picture:
        """A video in its own size, endless."""
        if source.stored:
            path = self._medium(source.sha256)
            return draw_clip(self._graph, path, self._plan.fps, source.turn)
        return draw_made_up_clip(self._graph, source, self._plan.fps)

    def _add_references(self, scene: Picture) -> Picture:
        """Show reference images as small insets at the lower left: one sees they were used."""
        plan = self._plan
        if plan.function == "image_reference":
            return scene
        side = min(plan.width, plan.height) // 5
        images = [*plan.list_sources("reference_image"), *plan.list_sources("ref_images_url")]
        for i, image in enumerate(images):
            inset = self._inset(image, (side, side))
            scene = scene.join(
                "overlay", inset, x=str(side // 8 + i * (side + side // 8)), y=f"H-h-{side // 8}"
            )
        return scene

    def _add_watermark(self, scene: Picture) -> Picture:
        if not self._plan.watermark:
            return scene
        path = self._name_png()
        write_label(WATERMARK, self._plan.height, path)
        margin = max(4, self._plan.height // 40)
        mark = Picture.open(self._graph, "movie", filename=str(path))
        return scene.join("overlay", mark, x=f"W-w-{margin}", y=f"H-h-{margin}")

    def _inset(self, source: Source, box: tuple[int, int]) -> Picture:
        path = self._name_png()
        write_thumbnail(self._find_bytes(source), source, box, path)
        return Picture.open(self._graph, "movie", filename=str(path))

    def _find_bytes(self, source: Source) -> Path | None:
        return self._medium(source.sha256) if source.stored else None

    def _name_png(self) -> Path:
        self._pngs += 1
        return self._folder / f"{self._pngs}.png"
