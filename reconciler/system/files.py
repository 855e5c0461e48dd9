"""Writes files atomically, copies them, and joins paths that cannot leave their root."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import re
import stat
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from reconciler.errors import DiskFull

CHUNK = 1 << 20
_HASHED_AT_ONCE = 256 << 10  # beside the chunk before it: whoever serves videos stays small
Stamp = bytes  # as make_stamp packs it
_STAMP = struct.Struct("<4Q")
_WORD = (1 << 64) - 1
_PLAIN_NAME = re.compile(r"[\w-][\w. -]*", re.ASCII)  # of a file, whatever its folder
_READ_BYTES = 1 << 15  # at once; nearly all manifests are shorter
_FICLONE = 0x40049409  # Linux ioctl: make the target share the source's blocks (reflink)


class EscapesRoot(ValueError):
    """A path that is absolute, climbs out of its root, or passes through a symbolic link."""


def find_data_dir(name: str) -> Path:
    """The folder `name` of shipped data: in a checkout beside this package, in a wheel in
    `cutlist_data`.
    """
    top = Path(__file__).resolve().parents[2]
    installed = top / "cutlist_data" / name
    return installed if installed.is_dir() else top / {"demo": "specs/demo"}.get(name, name)


def resolve_inside(root: Path, relative: str) -> Path:
    """`root / relative`, refused with EscapesRoot when it could name anything outside `root`.

    Nothing on the way below `root` may be a symbolic link, whether or not the path exists yet.
    """
    path = root
    for part in split_inside(relative):
        path = path / part
        if path.is_symlink():
            raise _build_link_error(relative, path.relative_to(root).as_posix())
    return path


def _build_link_error(relative: str, link: str) -> EscapesRoot:
    return EscapesRoot(f"{relative!r} passes through the symbolic link {link}")


# the folder and the name of what lies at a path, its mode, and its stamp
Seen = tuple[str, str, int, Stamp | None]
_NOT_SEEN: Seen = ("", "", 0, None)


class Survey:
    """Looks at many paths below one root. Every path, and every folder on the way, is looked at
    once: one survey is of one moment.
    """

    def __init__(self, root: Path) -> None:
        self._root = f"{root}/".replace("//", "/")
        self._folders: set[str] = set()  # that are no symbolic links
        self._fronts: dict[str, str] = {}  # by what is written before a name: its folder
        self._seen: dict[str, Seen | None] = {}

    def look(self, relative: str) -> Seen | None:
        """What lies at `root / relative`; None where nothing does.

        Raises EscapesRoot as resolve_inside does, NotADirectoryError for a path below a file, and
        OSError for one that cannot be looked at.
        """
        seen = self._seen.get(relative, _NOT_SEEN)
        if seen is _NOT_SEEN:
            seen = self._seen[relative] = self._look(relative)
        return seen

    def _look(self, relative: str) -> Seen | None:
        name = relative[relative.rfind("/") + 1 :]
        front = relative[: len(relative) - len(name)]
        folder = self._fronts.get(front)
        if folder is None or not _PLAIN_NAME.fullmatch(name):
            *folders, name = split_inside(relative)
            written, front = front, self._look_at_folders(relative, folders)
            folder = f"{self._root}{front}"[:-1]
            if written == front:
                self._fronts[front] = folder
        info = self._lstat(relative, front + name)
        # the whole answer of the system is ten times as large
        return None if info is None else (folder, name, info.st_mode, make_stamp(info))

    def _look_at_folders(self, relative: str, folders: Sequence[str]) -> str:
        """Look at each folder on the way; what stands before the last name."""
        here = ""
        for folder in folders:
            here += folder
            if here not in self._folders:
                self._lstat(relative, here)
                self._folders.add(here)
            here += "/"
        return here

    def _lstat(self, relative: str, here: str) -> os.stat_result | None:
        """What lies at `here`, on the way to `relative`. Raises EscapesRoot for a link."""
        try:
            info = os.lstat(self._root + here)
        except FileNotFoundError:
            return None
        if stat.S_ISLNK(info.st_mode):
            raise _build_link_error(relative, here)
        return info


def split_inside(relative: str) -> list[str]:
    """The parts of a path that stays below where it starts and names something there. Raises
    EscapesRoot.
    """
    parts = relative.split("/")
    if not relative or relative.startswith(("/", "~")) or "\\" in relative or "\0" in relative:
        raise EscapesRoot(f"{relative!r} is not a path relative to the project")
    here: list[str] = []
    for part in parts:
        if part in ("", "."):
            continue
        if part == "..":
            if not here:
                raise EscapesRoot(f"{relative!r} leaves the project")
            here.pop()
        else:
            here.append(part)
    if not here:
        raise EscapesRoot(f"{relative!r} names no file")
    return here


def resolve_links(path: Path) -> Path:
    """`path` with symbolic links followed. Raises OSError where they lead nowhere or round in a
    circle.
    """
    return Path(os.path.realpath(path, strict=True))


def list_names(folder: str) -> list[str]:
    """The names in a folder, sorted; none where there is no folder."""
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208  (names only)
    except (FileNotFoundError, NotADirectoryError):
        return []


def fsync_dir(folder: Path) -> None:
    """Make the names in `folder` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def make_dirs(folder: Path) -> None:
    """Create `folder` and its parents, each made durable in its parent. Raises DiskFull.

    Nothing is put into a folder before that, so an empty one may be of a run that was killed too
    early.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    with os.scandir(folder) as entries:
        empty = next(entries, None) is None
    if empty:
        fsync_dir(folder.parent)
    for parent in reversed(missing):
        with _raise_when_full(parent), suppress(FileExistsError):
            parent.mkdir()
        fsync_dir(parent.parent)


@contextmanager
def create_file(folder: Path, name: str, mode: int = 0o600) -> Iterator[tuple[Path, IO[bytes]]]:
    """A new temporary file (O_EXCL) in `folder`, removed again unless the body renames it away.
    Raises DiskFull.
    """
    path = folder / name
    with _raise_when_full(folder):
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                yield path, file
        finally:
            with suppress(FileNotFoundError):
                path.unlink()


@contextmanager
def _raise_when_full(folder: Path) -> Iterator[None]:
    """A full disk in our words; every other error stays what it is."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            f"the disk of {folder} is full.",
            hint="Make room and run it again: what is paid is kept, and not paid again.",
        ) from error


def write_atomic(path: Path, data: bytes, *, tmp_name: str, mode: int = 0o644) -> None:
    """Write `data` to `path` so that a reader, or a crash, sees the old bytes or the new ones
    whole.
    """
    make_dirs(path.parent)
    with create_file(path.parent, f".{path.name}.{tmp_name}.tmp") as (tmp, file):
        file.write(data)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
        tmp.rename(path)
    fsync_dir(path.parent)


def copy_atomic(source: Path, target: Path, *, tmp_name: str, mode: int = 0o644) -> str:
    """Put the bytes of `source` at `target` by rename, sharing blocks where the file system can.

    Returns the SHA-256 of what was written, read back from the copy.
    """
    from shutil import copyfileobj  # lazy: start-up time

    make_dirs(target.parent)
    with create_file(target.parent, f".{target.name}.{tmp_name}.tmp") as (tmp, file):
        with source.open("rb") as origin:
            if not _share_blocks(origin, file):
                copyfileobj(origin, file, CHUNK)
        file.flush()
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
        digest = hash_file(tmp)
        tmp.rename(target)
    fsync_dir(target.parent)
    return digest


def _share_blocks(source: IO[bytes], target: IO[bytes]) -> bool:
    try:
        fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
    except OSError as error:
        if error.errno in (
            errno.EOPNOTSUPP,
            errno.EXDEV,
            errno.EINVAL,
            errno.ENOTTY,
            errno.ENOSYS,
            errno.EPERM,
        ):
            return False
        raise
    return True


def read_start(path: str, most: int) -> bytes:
    """The first bytes of a regular file, at most so many. Raises OSError, ELOOP for a link; of what
    is no regular file nothing is read.
    """
    # a pipe that nobody writes to would wait
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW)
    try:
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", path)
        if 0 < info.st_size < most:  # some file systems tell no length
            most = info.st_size
        data = b""
        # only an empty answer is the end: some file systems give less than they have
        while (missing := most - len(data)) > 0 and (
            more := os.read(handle, missing if missing < _READ_BYTES else _READ_BYTES)
        ):
            data += more
        return data
    finally:
        os.close(handle)


def hash_file(path: Path | str) -> str:
    """SHA-256 (hex) of a file, read a chunk at a time."""
    with Path(path).open("rb") as file:
        return hash_stream(file)


def hash_stream(stream: IO[bytes]) -> str:
    """SHA-256 (hex) of what is left of an open file, read a chunk at a time."""
    hasher = hashlib.sha256()
    while chunk := stream.read(_HASHED_AT_ONCE):
        hasher.update(chunk)
    return hasher.hexdigest()


def is_prefix(part: Path, whole: IO[bytes]) -> bool:
    """Whether the bytes of a file are the first of another's; not where it is missing. Raises
    OSError where one cannot be read.
    """
    with suppress(FileNotFoundError), part.open("rb") as start:
        while chunk := start.read(CHUNK):
            if whole.read(len(chunk)) != chunk:
                return False
        return True
    return False


def read_stamp(path: Path | str) -> Stamp | None:
    """The stamp of a regular file; None where there is no regular file."""
    try:
        return make_stamp(os.lstat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None


def read_folder_stamp(path: str) -> Stamp:
    """The stamp of a folder, another one once a name in it has come, gone or become another
    file's. Raises OSError.
    """
    info = os.stat(path)  # noqa: PTH116  # as text: making a Path costs more than the look
    return pack_stamp(info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)


def make_stamp(info: os.stat_result) -> Stamp | None:
    """Size, times and inode of a regular file, as `pack_stamp` packs them; None for anything else.

    Two equal stamps mean the same bytes: nobody can set ctime back.
    """
    if not stat.S_ISREG(info.st_mode):
        return None
    return pack_stamp(info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino)


def pack_stamp(size_bytes: int, mtime_ns: int, ctime_ns: int, inode: int) -> Stamp:
    """A stamp: as bytes, since large projects hold ten thousands. Of times that do not fit, what
    fits.
    """
    return _STAMP.pack(size_bytes, mtime_ns & _WORD, ctime_ns & _WORD, inode)


def unpack_stamp(stamp: Stamp) -> tuple[int, int, int, int]:
    """(size, mtime, ctime, inode) of a stamp, times in nanoseconds."""
    size_bytes, mtime_ns, ctime_ns, inode = _STAMP.unpack(stamp)
    return size_bytes, mtime_ns, ctime_ns, inode


_NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ceph",
        "glusterfs",
        "lustre",
        "afs",
        "fuse.sshfs",
        "fuse.s3fs",
    }
)


def find_network_file_system(folder: Path) -> str | None:
    """The type of the network file system that `folder` lies on; None for a local one, or where
    nobody can tell.
    """
    here, nearest = folder.resolve().as_posix(), ("", "")
    try:
        lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        _, mount, kind, *_ = line.split(" ")
        inside = here == mount or here.startswith(mount.rstrip("/") + "/")
        if inside and len(mount) >= len(nearest[0]):
            nearest = (mount, kind)
    return nearest[1] if nearest[1] in _NETWORK else None


def measure_free_bytes(folder: Path) -> int:
    """Bytes free for us on the file system of `folder`."""
    from shutil import disk_usage  # lazy: start-up time

    return disk_usage(folder).free
