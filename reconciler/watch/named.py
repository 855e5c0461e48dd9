"""Which files a project names: manifests, media and outputs, also those that are not there yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from reconciler.config import PROJECT_FILE, Config
from reconciler.desired.edit import Edit
from reconciler.desired.manifest import Reading, read_manifest
from reconciler.desired.source.folder import FolderTree
from reconciler.desired.source.listing import (
    find_manifests,
    list_model_files,
    list_model_folders,
)
from reconciler.desired.source.load import build_rules
from reconciler.desired.source.readings import ManifestFile, ManifestReader
from reconciler.desired.tree import Unusable, is_manifest
from reconciler.formats.document import MAX_BYTES
from reconciler.state.lockfile import LOCK_FILE
from reconciler.system.cache import Digests, open_cache
from reconciler.system.clock import Clock
from reconciler.watch.stamps import Stamp

_FEW = 16  # manifests that are read faster than the cache of all


@dataclass(frozen=True, slots=True)
class Named:
    """What a project names, as paths relative to it. `folders` are those of `manifests:` and
    `models:`, `broken` the manifests that cannot be understood now.
    """

    folders: tuple[str, ...] = ()
    manifests: frozenset[str] = frozenset()
    media: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()
    parents: frozenset[str] = frozenset()  # folders of all of them, and their parents

    @classmethod
    def of(cls, folders: tuple[str, ...], manifests: Mapping[str, _Manifest]) -> Named:
        """What these manifests name."""
        media = frozenset(path for manifest in manifests.values() for path in manifest.media)
        outputs = frozenset(path for manifest in manifests.values() for path in manifest.outputs)
        beside = {path.rpartition("/")[0] for path in (*manifests, *media, *outputs)}
        parents = {
            str(parent)
            for folder in beside | {str(PurePosixPath(folder)) for folder in folders}
            for parent in (PurePosixPath(folder), *PurePosixPath(folder).parents)
        }
        broken = frozenset(path for path, manifest in manifests.items() if manifest.broken)
        named = frozenset(manifests)
        return cls(folders, named, media, outputs, broken, frozenset(parents - {"."}))

    def concerns(self, path: str) -> bool:
        """Whether a change at `path` is one of what is named, as far as its name alone tells.

        A link may lead where no name does, so a No is no proof.
        """
        if path in (PROJECT_FILE, LOCK_FILE) or path in self.parents:
            return True
        if path in self.manifests or path in self.media or path in self.outputs:
            return True
        name = path.rpartition("/")[2]
        might_be = is_manifest(name, PROJECT_FILE) or "." not in name
        return might_be and any(_lies_below(path, folder) for folder in self.folders)


@dataclass(frozen=True, slots=True)
class _Manifest:
    """What one manifest names. Of one that is broken, what it named before counts as well."""

    stamp: Stamp
    broken: bool = False
    media: frozenset[str] = frozenset()
    outputs: frozenset[str] = frozenset()


class NameReader:
    """Reads what a project names; a manifest is read again only when it was saved."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._clock = clock
        self._manifests: dict[str, _Manifest] = {}
        self._named = Named()
        self.follow(config)

    def follow(self, config: Config) -> None:
        """From now on go by what another reading of the project file says."""
        self._config = config
        self._rules = build_rules(config)
        self._tree = FolderTree(
            config.root, Digests(open_cache(config.cache_dir), self._clock, "media")
        )
        # read again, and yet not forgotten: what is broken then names what it named before
        self._manifests = {path: _forget_stamp(each) for path, each in self._manifests.items()}

    def list_models(self) -> list[str]:
        """All files of models of the project's own that are there now, sorted."""
        return list_model_files(self._config, self._tree)[0]

    def list_manifests(self) -> list[str]:
        """All manifests that are there now, sorted; none of what `manifests:` names in vain."""
        return find_manifests(self._config, self._tree)[0]

    def read(self, stamps: Mapping[str, Stamp]) -> Named:
        """What manifests of these stamps name. Where nothing is new, the very same as before."""
        fresh = [path for path, stamp in stamps.items() if self._is_fresh(path, stamp)]
        gone = self._manifests.keys() - stamps.keys()
        for path in gone:
            del self._manifests[path]
        if fresh:
            self._read_fresh(fresh, stamps)
        folders = (*self._config.manifests, *list_model_folders(self._config))
        if fresh or gone or self._named.folders != folders:
            self._named = Named.of(folders, self._manifests)
        return self._named

    def _is_fresh(self, path: str, stamp: Stamp) -> bool:
        known = self._manifests.get(path)
        return known is None or known.stamp != stamp

    def _read_fresh(self, paths: list[str], stamps: Mapping[str, Stamp]) -> None:
        """Read manifests; many of them by the cache, which is the pass's, and only read here."""
        reader = None
        if len(paths) > _FEW:
            cache = open_cache(self._config.cache_dir)
            reader = ManifestReader(self._config, self._rules, self._tree, cache)
        for path in paths:
            reading = self._read_one(path) if reader is None else reader.read(path)
            before = self._manifests.get(path)
            self._manifests[path] = _take_names(reading, stamps[path], before)

    def _read_one(self, path: str) -> Reading:
        try:
            raw = self._tree.read(path, MAX_BYTES + 1)
        except Unusable:  # it went while we looked: the next look tells
            return Reading([], [])
        return read_manifest(raw, path, self._rules)


def _take_names(
    reading: Reading | ManifestFile, stamp: Stamp, before: _Manifest | None
) -> _Manifest:
    """What a reading names."""
    broken = any(fault.severity == "error" for fault in reading.faults)
    media = {path for edit in reading.edits for path in _list_media(edit)}
    outputs = {edit.output for edit in reading.edits}
    if broken and before is not None:
        media |= before.media
        outputs |= before.outputs
    return _Manifest(stamp, broken, frozenset(media), frozenset(outputs))


def _forget_stamp(manifest: _Manifest) -> _Manifest:
    """The same, to be read again."""
    return _Manifest(None, manifest.broken, manifest.media, manifest.outputs)


def _list_media(edit: Edit) -> list[str]:
    """The files of the project that an edit takes."""
    references = [medium.reference for medium in edit.sources]
    return [reference.value for reference in references if reference.kind == "local"]


def _lies_below(path: str, folder: str) -> bool:
    top = str(PurePosixPath(folder))
    return top == "." or path == top or path.startswith(f"{top}/")
