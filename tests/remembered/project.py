"""Projects with everything that a manifest and a project file can say, drawn by chance."""

from __future__ import annotations

import base64
import copy
import io
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from PIL import Image

from tests.media import make_clip

Document = dict[str, Any]
WORDS = ("rain", "snow", "fogs")  # of one length
CLIPS = ("a.mp4", "b.mp4", "four.mp4")
PICTURES = ("one.png", "two.png", "mask.png", "coloured.png")
PRESIGNED = (
    "https://films.s3.amazonaws.com/{}.mp4?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=C"
    "&X-Amz-Date=20270115T080000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature={}"
)
LINKS = (
    "https://clips.example/{}.mp4",
    "https://clips.example/{}.mp4?id=7",
    "https://clips.example/{}.mp4?ticket=secret{}",
    "https://clips.example/{}.mp4?id=7&hash=0123456789abcdef{}",
    PRESIGNED,
    "oss://bucket/{}.mp4",
)
PROJECT: Document = {
    "manifests": ["specs/"],
    "defaults": {"model": "wan2.7-videoedit", "parameters": {"resolution": "720P"}},
    "prices": {
        "currency": "USD",
        "models": {"wan2.7-videoedit": {"720P": 0.1, "1080P": 0.15}, "wan2.1-vace-plus": 0.1},
    },
    "environments": {
        "draft": {"parameters": {"resolution": "720P"}, "labels": {"stage": "draft"}},
        "final": {"parameters": {"resolution": "1080P"}, "policy": {"prompt_deny": ["hail"]}},
    },
}
POLICIES: tuple[Document, ...] = (
    {"prompt_deny": ["snow"]},
    {"labels": ["owner"], "waive": [{"edits": ["*"], "rules": ["labels"], "reason": "agreed"}]},
    {"prompt_deny": ["hail"], "watermark": False},
    {
        "models": ["wan2.7-videoedit"],
        "waive": [{"edits": ["e1", "gone"], "rules": ["models"], "reason": "agreed"}],
    },
)


def make_media_pool(folder: Path) -> Path:
    """The clips and pictures that projects take."""
    folder.mkdir(parents=True)
    for name, seconds, shade in zip(CLIPS, (2, 2, 4), (40, 41, 90), strict=True):
        make_clip(folder / name, seconds=seconds, shade=shade)
    for number, name in enumerate(PICTURES):
        colour = (255, 255, 255) if name == "mask.png" else (number, 10 * number, 90)
        Image.new("RGB", (320, 240), colour).save(folder / name)
    return folder


def make_data_uri(chance: Random) -> str:
    """A picture inside a manifest."""
    buffer = io.BytesIO()
    Image.new("RGB", (256, 256), (chance.randint(1, 2), 0, 0)).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@dataclass
class Written:
    """A project on disk, and what stands in it: documents by the file that they are in."""

    root: Path
    pool: Path
    spec: Document
    files: dict[str, list[Document]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Of all documents."""
        return [each["metadata"]["name"] for several in self.files.values() for each in several]

    def write_spec(self) -> None:
        """Write the project file as it is to be now."""
        document = {"apiVersion": "cutlist/v1", "kind": "Project", "spec": self.spec}
        (self.root / "cutlist.yaml").write_text(json.dumps(document, indent=1))

    def write_file(self, path: str) -> None:
        """Write a manifest as it is to be now, unless something else lies there."""
        target = self.root / path
        if os.path.lexists(target) and not target.is_file():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        texts = [json.dumps(document, indent=1) + "\n" for document in self.files[path]]
        target.write_text("# edits\n---\n" + "---\n".join(texts))


def write_project(chance: Random, root: Path, pool: Path) -> Written:
    """A project of a few documents, in a few files and folders."""
    made = Written(root, pool, draw_spec(chance))
    root.mkdir(parents=True)
    for folder in ("specs/media", "shelf"):
        (root / folder).mkdir(parents=True)
    for name in (*CLIPS, *PICTURES):
        shutil.copyfile(pool / name, root / "specs/media" / name)
        shutil.copyfile(pool / name, root / "shelf" / name)
    (root / "specs/linked").symlink_to("../shelf")  # media behind a folder that is a link
    (root / "specs/media/linked.mp4").symlink_to("../../shelf/a.mp4")
    paths = ("specs/one.yaml", "specs/two.yaml", "specs/deep/three.yaml", "specs/behind.yaml")
    for number in range(chance.randint(1, 5)):
        path = chance.choice(paths)
        document = draw_document(chance, f"e{number}", made, path)
        made.files.setdefault(path, []).append(document)
    for path in made.files:
        made.write_file(path)
    if "specs/behind.yaml" in made.files:  # a manifest that is a link, and the file elsewhere
        (root / "specs/behind.yaml").rename(root / "shelf/real.yaml")
        (root / "specs/behind.yaml").symlink_to("../shelf/real.yaml")
    made.write_spec()
    return made


def draw_spec(chance: Random) -> Document:
    """What the project file says."""
    spec = copy.deepcopy(PROJECT)
    if chance.random() < 0.6:
        spec |= {"endpoint": "http://127.0.0.1:9/api/v1", "realm": "live"}
    for each in list(CHANGES_OF_SPEC):
        if chance.random() < 0.08:
            each(spec, chance)
    return spec


def draw_document(chance: Random, name: str, made: Written, path: str) -> Document:
    """One document of the file at `path`: of a link, a file, another edit, a matrix, or masks."""
    kind = chance.choice(_KINDS)
    document: Document = {
        "apiVersion": "cutlist/v1",
        "kind": "Edit",
        "metadata": {"name": name},
        "spec": {},
    }
    kind(document, chance, made)
    # files are named from where the manifest lies
    up = "./" + "../" * (path.count("/") - 1)
    way = up if path.startswith("specs/") else "./../specs/"
    spec = document["spec"] = _find_files(document["spec"], way)
    if chance.random() < 0.3:
        document["metadata"]["labels"] = {"owner": chance.choice(("ann", "bob"))}
    for field_name, value, odds in (
        ("take", 2, 0.15),
        ("suspend", True, 0.1),
        ("protect", True, 0.15),
    ):
        if chance.random() < odds:
            spec[field_name] = value
    if chance.random() < 0.2 and "matrix" not in spec:
        spec["output"] = f"films/{name}.mp4"
    return document


def _find_files(value: Any, way: str) -> Any:
    """The same with `way` before the path of each file."""
    if isinstance(value, dict):
        return {name: _find_files(part, way) for name, part in value.items()}
    if isinstance(value, list):
        return [_find_files(part, way) for part in value]
    is_file = isinstance(value, str) and value.startswith(("media/", "linked/"))
    return way + value if is_file else value


def _draw_video(chance: Random, made: Written, name: str) -> str:
    """Any clip that an edit may take."""
    others = [each for each in made.names if each != name]
    kind = chance.randrange(4 if others else 3)
    if kind == 0:
        return chance.choice(LINKS).format(chance.choice("ab"), chance.choice("12"))
    if kind == 3:
        return f"edit://{chance.choice(_list_edits(made, others))}"
    return f"{chance.choice(('media/', 'linked/'))}{chance.choice(CLIPS)}"


def _list_edits(made: Written, names: list[str]) -> list[str]:
    """The names by which other edits may be called, also those of another environment."""
    found = []
    for several in made.files.values():
        for document in several:
            name, matrix = document["metadata"]["name"], document["spec"].get("matrix")
            if name not in names:
                continue
            if matrix is None:
                found.append(name)
            else:
                found += [f"{name}[look={word},resolution=720P]" for word in matrix["look"]]
    return found


def _edit(document: Document, chance: Random, made: Written) -> None:
    media: list[Document] = [
        {"type": "video", "url": _draw_video(chance, made, document["metadata"]["name"])}
    ]
    if chance.random() < 0.3:
        pictures = ("media/one.png", "media/two.png", make_data_uri(chance))
        media.append({"type": "reference_image", "url": chance.choice(pictures)})
    document["spec"]["input"] = {"prompt": f"Let it {chance.choice(WORDS)}", "media": media}
    parameters = ({}, {"resolution": "1080P"}, {"duration": 2, "seed": 7}, {"watermark": False})
    document["spec"]["parameters"] = dict(chance.choice(parameters))


def _matrix(document: Document, chance: Random, made: Written) -> None:
    spec = document["spec"]
    spec["matrix"] = {"look": ["rain", "snow"], "resolution": ["720P", "1080P"]}
    if chance.random() < 0.5:
        spec["matrix"]["exclude"] = [{"look": "snow", "resolution": "1080P"}]
    _edit(document, chance, made)
    spec["input"]["prompt"] = "Let it ${{ matrix.look }}"
    spec["parameters"] = {"resolution": "${{ matrix.resolution }}"}
    document["metadata"]["labels"] = {"look": "${{ matrix.look }}"}


def _mask(document: Document, chance: Random, made: Written) -> None:
    masks = ("media/mask.png", "media/coloured.png", make_data_uri(chance))
    video = _draw_video(chance, made, document["metadata"]["name"])
    document["spec"] |= {
        "model": "wan2.1-vace-plus",
        "input": {
            "function": "video_edit",
            "prompt": f"Let it {chance.choice(WORDS)}",
            "video_url": video,
            "mask_image_url": chance.choice(masks),
        },
        "parameters": {"mask_type": "tracking", "expand_ratio": 0.05},
    }


_KINDS: tuple[Callable[[Document, Random, Written], None], ...] = (_edit, _edit, _matrix, _mask)


# ------------------------------------------------------------------ what a project file may say


def _change_default(spec: Document, chance: Random) -> None:
    spec["defaults"]["parameters"] = {"resolution": chance.choice(("720P", "1080P"))}


def _change_labels(spec: Document, chance: Random) -> None:
    spec["defaults"]["labels"] = {"team": chance.choice(("film", "shop"))}


def _change_overlay(spec: Document, chance: Random) -> None:
    overlay = spec["environments"][chance.choice(("draft", "final"))]
    overlay["parameters"] = {"resolution": chance.choice(("720P", "1080P")), "watermark": True}


def _change_policy(spec: Document, chance: Random) -> None:
    spec["policy"] = copy.deepcopy(chance.choice(POLICIES))
    if chance.random() < 0.3:
        del spec["policy"]


def _change_policy_of_overlay(spec: Document, chance: Random) -> None:
    overlay = spec["environments"][chance.choice(("draft", "final"))]
    overlay["policy"] = copy.deepcopy(chance.choice((*POLICIES, {"resolution": ["1080P"]})))


def _change_prices(spec: Document, chance: Random) -> None:
    spec["prices"]["models"]["wan2.7-videoedit"] = {"720P": chance.choice((0.1, 0.2))}


def _change_identity(spec: Document, chance: Random) -> None:
    spec["identity"] = {"ignore_query": chance.choice((["ticket"], ["hash"], ["id", "Ticket"]))}


def _change_pruning(spec: Document, chance: Random) -> None:
    spec["prune"] = {"enabled": chance.random() < 0.8, "most": chance.choice((1, 10))}


def _change_budget(spec: Document, chance: Random) -> None:
    spec["budget"] = {"per_apply": chance.choice((0.1, 100)), "per_day": 1}


def _change_folders(spec: Document, chance: Random) -> None:
    spec["manifests"] = chance.choice((["specs/", "more/"], ["specs/one.yaml"], ["specs/deep/"]))


CHANGES_OF_SPEC: tuple[Callable[[Document, Random], None], ...] = (
    _change_default,
    _change_labels,
    _change_overlay,
    _change_policy,
    _change_policy_of_overlay,
    _change_prices,
    _change_identity,
    _change_pruning,
    _change_budget,
    _change_folders,
)
