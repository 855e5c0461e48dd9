"""Reads `kind: Sync` documents from files and folders, or makes one of the command line's flags."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.config.settings import Prices
from reconciler.controller.addresses import tidy_path
from reconciler.controller.document_checks import check_document, cut_policy, find_shared
from reconciler.controller.documents import (
    Notification,
    ProviderAddress,
    PullRequestRules,
    Repository,
    SpendLimits,
    Sync,
    Verification,
    WriteBack,
)
from reconciler.errors import Fault, InvalidInput, Place, UsageError
from reconciler.formats.document import MAX_BYTES, Document, join_pointer
from reconciler.formats.names import make_plain
from reconciler.formats.parsing import parse_documents
from reconciler.formats.spans import parse_span
from reconciler.system import shipped

MOST_FILES = 1000  # of one folder
COMMAND_LINE = "command line"
# What a field is called on the command line, where it is not called `--FIELD`.
_FLAGS = {
    "repository.url": "--repo",
    "repository.ref": "--ref",
    "repository.path": "--path",
    "repository.tokenFrom": "--token-from",
    "outputs.root": "--outputs",
    "apply.mode": "--mode",
    "environment": "--env",
    "metadata.name": "--name",
}


def load_syncs(paths: Sequence[Path]) -> tuple[Sync, ...]:
    """Every document of these files, and of the YAML files in these folders, in their order.

    Raises InvalidInput with all faults of all of them.
    """
    syncs, trouble = load_whole_syncs(paths)
    if trouble is not None:
        raise trouble
    return syncs


def load_whole_syncs(paths: Sequence[Path]) -> tuple[tuple[Sync, ...], InvalidInput | None]:
    """The documents that have no fault, and all faults of the others; None where all are whole."""
    files, faults = _list_files(paths)
    found: list[tuple[Document, Path]] = []
    for file in files:
        read, problems = _read_file(file)
        found += [(document, file.parent.absolute()) for document in read]
        faults += problems
    documents, folders = [one for one, _ in found], [folder for _, folder in found]
    faults += find_shared(documents, folders)
    if not documents and not faults:
        told = ", ".join(make_plain(str(path)) for path in paths) or "no file"
        faults.append(Fault(Place(told), "no document; each has kind: Sync"))
    whole = tuple(
        _build(document, folder)
        for document, folder in found
        if not _has_fault(document, documents, faults)
    )
    return whole, InvalidInput(faults, files=len(files)) if faults else None


def _has_fault(document: Document, documents: Sequence[Document], faults: Sequence[Fault]) -> bool:
    """Whether a fault stands in a document: from its first line to that of the next in its file."""
    file, first = document.file, document.place().line
    lines = sorted(one.place().line for one in documents if one.file == file)
    start = 1 if first == lines[0] else first
    end = next((line for line in lines if line > first), None)
    return any(
        fault.place.file == file
        and fault.place.line >= start
        and (not end or fault.place.line < end)
        for fault in faults
    )


def build_sync(
    url: str,
    ref: str = "main",
    *,
    name: str = "",
    path: str = ".",
    token_from: str = "",
    environment: str | None = None,
    interval: str = "",
    timeout: str = "",
    endpoint: str = "mock",
    account: str = "",
    outputs: str = "",
    mode: str = "auto",
) -> Sync:
    """The document that flags stand for, checked as one of a file. What is empty is not said; the
    name is by default the repository's. `outputs` is relative to the folder one is in.

    Raises UsageError with everything that is wrong with the flags.
    """
    repository = {"url": url, "ref": ref, "path": path, "tokenFrom": token_from}
    said = {
        "environment": environment,
        "interval": interval,
        "timeout": timeout,
        "endpoint": endpoint,
        "account": account,
        "outputs": {"root": outputs} if outputs else None,
        "apply": {"mode": mode},
    }
    data = {
        "apiVersion": "cutlist/v1",
        "kind": "Sync",
        "metadata": {"name": name or _name_repository(url)},
        "spec": {
            "repository": {field: text for field, text in repository.items() if text},
            **{field: value for field, value in said.items() if value},
        },
    }
    pointers = enumerate(_list_pointers(data, ""), 1)
    document = Document(COMMAND_LINE, data, {at: (line, 1, line, 1) for line, at in pointers})
    folder = Path.cwd()
    if faults := check_document(document, folder):
        raise UsageError(" ".join(_name_flag(fault.message) for fault in faults))
    return _build(document, folder)


# ------------------------------------------------------------------ files


def _list_files(paths: Sequence[Path]) -> tuple[list[Path], list[Fault]]:
    """The files that `paths` mean, each once, and what of them is not there."""
    files: dict[Path, None] = {}
    faults: list[Fault] = []
    for path in paths:
        place = Place(make_plain(str(path)))
        try:
            inside = _list_folder(path) if path.is_dir() else [path] if path.is_file() else None
        except OSError as error:
            faults.append(Fault(place, f"it cannot be read: {error.strerror}"))
            continue
        if inside is None:
            faults.append(Fault(place, "no such file or folder"))
        elif not inside:
            faults.append(Fault(place, "no .yaml file in this folder"))
        elif len(inside) > MOST_FILES:
            faults.append(Fault(place, f"more than {MOST_FILES} files in this folder"))
        else:
            files.update(dict.fromkeys(inside))
    return list(files), faults


def _list_folder(folder: Path) -> list[Path]:
    """The YAML files of a folder, sorted, without those of folders below; not what is hidden, as
    where Kubernetes keeps the old and the new state of a mounted map.
    """
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in (".yaml", ".yml") and path.name[0] != "." and path.is_file()
    )


def _read_file(file: Path) -> tuple[Sequence[Document], Sequence[Fault]]:
    """The documents of a file, and everything wrong with them."""
    name = make_plain(str(file))
    try:
        with file.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        return [], [Fault(Place(name), f"it cannot be read: {error.strerror}")]
    documents, faults = parse_documents(raw, name)
    known = {fault.place for fault in faults}
    folder = file.parent.absolute()
    found = [fault for document in documents for fault in check_document(document, folder)]
    return documents, [*faults, *(fault for fault in found if fault.place not in known)]


# ------------------------------------------------------------------ flags


def _name_repository(url: str) -> str:
    """What a repository is called by the end of its URL; `sync` where that is no name."""
    tail = posixpath.basename(url.rstrip("/")).rpartition(":")[2].removesuffix(".git").lower()
    name = re.sub(r"[^a-z0-9.-]+", "-", tail).strip("-.")
    return name[:100].strip("-.") or "sync"


def _list_pointers(value: object, at: str) -> Iterator[str]:
    yield at
    if isinstance(value, Mapping):
        for field, part in value.items():
            yield from _list_pointers(part, join_pointer(at, field))


def _name_flag(message: str) -> str:
    """A fault with the flag in the place of the field that it begins with."""
    field, blank, rest = message.partition(" ")
    colon = ":" if field.endswith(":") else ""
    field = field.removesuffix(":")
    stop = "" if rest.endswith((".", "?")) else "."
    return f"{_FLAGS.get(field, f'--{field}')}{colon}{blank}{rest}{stop}"


# ------------------------------------------------------------------ documents


def _build(document: Document, folder: Path) -> Sync:
    """The value of a document that has no fault."""
    spec: Mapping[str, Any] = document.data["spec"]
    repository = _take(spec["repository"], "url", "ref", "path", "depth", "tokenFrom")
    repository["path"] = tidy_path(repository.get("path", "."))
    verify, outputs = _take(spec.get("verify"), "mode", "signers"), spec.get("outputs")
    if "signers" in verify:
        verify["signers"] = folder / verify["signers"]
    interval_s = _read_span(spec, "interval")
    return Sync(
        name=document.data["metadata"]["name"],
        repository=Repository(**repository),
        interval_s=interval_s,
        retry_interval_s=min(_read_span(spec, "retryInterval"), interval_s),
        timeout_s=_read_span(spec, "timeout"),
        outputs=None if outputs is None else folder / outputs["root"],
        budget=SpendLimits(**spec.get("budget", {})),
        prices=Prices(**spec.get("prices", {})),
        policy=_build_policy(document) if "policy" in spec else None,
        verification=Verification(**verify),
        provider=_build_provider(spec["provider"]) if "provider" in spec else None,
        pull_requests=PullRequestRules(**spec.get("pullRequests", {})),
        write_back=WriteBack(**spec.get("writeBack", {})),
        notifications=tuple(_build_notification(entry) for entry in spec.get("notify", ())),
        webhook_secret_from=spec.get("webhook", {}).get("secretFrom", ""),
        place=document.place("/metadata/name"),
        **_take(spec.get("apply"), "mode"),
        **_take(spec, "environment", "suspend", "endpoint", "realm", "account", "workspace"),
        **_take(spec, "selfHeal", "project", "ledger", "store"),
    )


def _build_policy(document: Document) -> Document:
    """The rules of a document, named by its file's name: those who read of a broken rule need not
    know where on this disk it stands.
    """
    return replace(cut_policy(document), file=posixpath.basename(document.file))


def _take(given: Mapping[str, Any] | None, *fields: str) -> dict[str, Any]:
    """Those of the fields that are given, under the names that they have in Python."""
    return {
        re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", field): given[field]
        for field in fields
        if given is not None and field in given
    }


def _read_span(spec: Mapping[str, Any], field: str) -> float:
    """The seconds of a field, or of its default in the schema."""
    rules = shipped.read_schema("sync")["properties"]["spec"]["properties"]
    return parse_span(spec.get(field, rules[field]["default"]))


def _build_provider(given: Mapping[str, Any]) -> ProviderAddress:
    fields = _take(given, "kind", "repo", "apiUrl", "tokenFrom")
    usual = {"token_from": f"{given['kind'].upper()}_TOKEN"}
    return ProviderAddress(**{**usual, **fields, "api_url": given.get("apiUrl", "").rstrip("/")})


def _build_notification(given: Mapping[str, Any]) -> Notification:
    fields = _take(given, "kind", "urlFrom", "on", "secretFrom")
    return Notification(**{**fields, **({"on": tuple(given["on"])} if "on" in given else {})})
