"""What is wrong with `kind: Sync` documents, in their schema and beyond what a schema can say.

A value that may be a secret is in no fault: whoever reads a fault may be a stranger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from reconciler.config.ledger_url import describe_written_fault
from reconciler.config.project_file import (
    describe_realm_fault,
    find_unknown_prices,
    name_shipped_models,
)
from reconciler.controller import addresses
from reconciler.desired.policy import check_project_policy
from reconciler.errors import Fault, InvalidInput, Place
from reconciler.formats.bucket_address import parse_bucket_address
from reconciler.formats.document import Document, join_pointer, name_field
from reconciler.formats.names import make_plain
from reconciler.formats.schema import validate_document
from reconciler.formats.spans import parse_span, parse_span_within
from reconciler.service.endpoints import find_endpoint
from reconciler.service.model_files import load_models
from reconciler.system import shipped

# By pointer: what explains why a text cannot stand there, and whether it may hold a password.
_TEXTS: Mapping[str, tuple[Callable[[str], str], bool]] = {
    "/spec/repository/url": (addresses.explain_bad_url, True),
    "/spec/repository/ref": (addresses.explain_bad_ref, False),
    "/spec/repository/path": (addresses.explain_bad_path, False),
    "/spec/provider/apiUrl": (addresses.explain_bad_api_url, True),
}


def check_document(document: Document, folder: Path) -> Sequence[Fault]:
    """Everything wrong with one document. `folder` is where its relative paths begin.

    Where the words of this module are about a value, those of the schema, which would show it, are
    not told.
    """
    schema = shipped.read_schema("sync")
    found = {fault.place: fault for fault in reversed([*_find_faults(document, folder, schema)])}
    told = [fault for fault in validate_document(document, schema) if fault.place not in found]
    return sorted([*found.values(), *told])


def find_shared(documents: Sequence[Document], folders: Sequence[Path]) -> Iterator[Fault]:
    """Names and folders of outputs that two documents have, which would undo each other's work."""
    names: dict[str, Place] = {}
    roots: list[tuple[Path, str]] = []
    for document, folder in zip(documents, folders, strict=True):
        name = _get(document.data, "metadata", "name")
        place = document.place("/metadata/name")
        if not isinstance(name, str):
            continue
        if name in names:
            yield Fault(place, f'the name "{make_plain(name)}" is taken (first at {names[name]})')
        names.setdefault(name, place)
        root = _get(document.data, "spec", "outputs", "root")
        if not isinstance(root, str) or addresses.explain_bad_local_path(root):
            continue
        path = (folder / root).resolve()
        for other, owner in roots:
            if path == other or path.is_relative_to(other) or other.is_relative_to(path):
                message = f'outputs.root shares a folder with "{owner}"; each needs one of its own'
                yield Fault(document.place("/spec/outputs/root"), message)
                break
        roots.append((path, make_plain(name)))


# ------------------------------------------------------------------ secrets


def _find_secrets(document: Document, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """Values that may be secrets: what looks like a token anywhere, and what stands where the name
    of a variable is wanted and is none.
    """
    for at, value, rule in _walk(document.data, schema, ""):
        field = make_plain(name_field(at.split("/")[1:]))[:100]
        if isinstance(value, str) and addresses.looks_like_token(value):
            message = (
                f"a token seems to stand in {field}; it is not shown. Put it into an environment"
                " variable, and make a new one if others could read this file"
            )
            yield Fault(document.place(at), message)
        elif rule.get("x-variable") and _is_no_variable(value):
            example = rule["examples"][0]
            message = (
                f"{field} is not the name of an environment variable (capital letters, digits and"
                f" _, such as {example}). What stands there is not shown, since it may be the"
                " secret itself"
            )
            yield Fault(document.place(at), message)


def _is_no_variable(value: object) -> bool:
    if isinstance(value, str):
        named = value.isascii() and value.replace("_", "A").isalnum() and value.upper() == value
        return not named or value[0].isdigit() or len(value) > 100
    return isinstance(value, int | float) and not isinstance(value, bool)


def _walk(
    value: Any, schema: Mapping[str, Any], at: str
) -> Iterator[tuple[str, Any, Mapping[str, Any]]]:
    """(pointer, value, its schema as far as there is one) of everything that holds nothing
    else.
    """
    if isinstance(value, Mapping):
        for name, part in value.items():
            rule = schema.get("properties", {}).get(name, {})
            yield from _walk(part, rule, join_pointer(at, name))
    elif isinstance(value, list):
        for number, part in enumerate(value):
            yield from _walk(part, schema.get("items", {}), join_pointer(at, number))
    else:
        yield at, value, schema


# ------------------------------------------------------------------ what the schema cannot say


def _find_faults(document: Document, folder: Path, schema: Mapping[str, Any]) -> Iterator[Fault]:
    """The first fault of a place is the one that counts."""
    yield from _find_secrets(document, schema)
    spec = _get(document.data, "spec")
    if not isinstance(spec, Mapping):
        return
    yield from _check_texts(document)
    yield from _check_spans(document, spec, schema["properties"]["spec"]["properties"])
    yield from _check_endpoint(document, spec)
    yield from _check_policy(document, spec)
    yield from _check_files(document, spec, folder)
    yield from _check_shared_state(document, spec)
    yield from _check_money(document, spec)
    yield from _check_provider(document, spec)
    yield from _check_notifications(document, spec)


def _check_texts(document: Document) -> Iterator[Fault]:
    """Addresses and paths that git, or a provider's API, is given."""
    for at, (explain, hides) in _TEXTS.items():
        parts = at.split("/")[1:]
        text = _get(document.data, *parts)
        if isinstance(text, str) and text and (why := explain(text)):
            shown = make_plain(addresses.show_address(text) if hides else text)
            shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
            yield Fault(document.place(at), f'{name_field(parts)} is "{shown}": {why}')


def _check_spans(
    document: Document, spec: Mapping[str, Any], rules: Mapping[str, Any]
) -> Iterator[Fault]:
    """Spans of time: their unit, their bounds, and that one is not longer than another."""
    seconds = {}
    for name, rule in rules.items():
        given = spec.get(name)
        if "x-least" not in rule or name not in spec or isinstance(given, bool | list | Mapping):
            continue
        try:
            seconds[name] = parse_span_within(str(given), rule["x-least"], rule["x-most"])
        except ValueError as error:
            shown = make_plain(str(given))[:60]
            yield Fault(document.place(f"/spec/{name}"), f'{name} is "{shown}"; {error}')
    longest = seconds.get("interval", parse_span(rules["interval"]["default"]))
    if "interval" in seconds or "interval" not in spec:
        retry = seconds.get("retryInterval", 0.0)
        if retry > longest:
            message = "retryInterval is longer than interval, up to which it grows"
            yield Fault(document.place("/spec/retryInterval"), message)


def _check_endpoint(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    name = spec.get("endpoint")
    if isinstance(name, str) and name:
        try:
            find_endpoint(name, {}, "endpoint", document.place("/spec/endpoint"))
        except InvalidInput as error:
            yield from error.faults
    if words := describe_realm_fault(spec):
        yield Fault(document.place("/spec/realm", key=True), words)


def _check_policy(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Names that the rules of `policy` name and that do not exist; where their form is right."""
    policy = spec.get("policy")
    rules = shipped.read_schema("sync")["properties"]["spec"]["properties"]["policy"]
    if isinstance(policy, Mapping) and not validate_document(document, rules, at="/spec/policy"):
        yield from check_project_policy(cut_policy(document), load_models())


def cut_policy(document: Document) -> Document:
    """The rules of a document and nothing else of it, at their places."""
    return replace(document, data={"spec": {"policy": document.data["spec"]["policy"]}})


def _check_files(document: Document, spec: Mapping[str, Any], folder: Path) -> Iterator[Fault]:
    """Folders and files of this machine."""
    root = _get(spec, "outputs", "root")
    if isinstance(root, str) and (why := _explain_bad_folder(folder, root)):
        yield Fault(document.place("/spec/outputs/root"), f"outputs.root: {why}")
    mode, signers = _get(spec, "verify", "mode"), _get(spec, "verify", "signers")
    if mode in ("ssh", "gpg") and signers is None:
        kind = "a file of allowed signers" if mode == "ssh" else "a keyring of public keys"
        message = f"verify.mode {mode} needs verify.signers: {kind} on this machine"
        yield Fault(document.place("/spec/verify", key=True), message)
    if isinstance(signers, str) and (why := _explain_bad_file(folder, signers)):
        yield Fault(document.place("/spec/verify/signers"), f"verify.signers: {why}")


def _explain_bad_folder(folder: Path, path: str) -> str:
    """What is wrong with a folder that need not exist yet; empty when nothing is."""
    if why := addresses.explain_bad_local_path(path):
        return why
    try:
        there = (folder / path).exists() and not (folder / path).is_dir()
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"
    return "it is there, and no folder" if there else ""


def _explain_bad_file(folder: Path, path: str) -> str:
    """What is wrong with a file that must exist; empty when nothing is."""
    if why := addresses.explain_bad_local_path(path):
        return why
    try:
        return "" if (folder / path).is_file() else "no such file (relative to this document)"
    except OSError as error:
        return f"it cannot be looked at: {error.strerror}"


def _check_shared_state(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Where ledger and store lie. No word shows an address, which may have a secret in it."""
    ledger, store = spec.get("ledger"), spec.get("store")
    if isinstance(ledger, str) and ledger and (why := describe_written_fault(ledger)):
        yield Fault(document.place("/spec/ledger"), f"ledger is no address of one: {why}")
    if isinstance(store, str) and store:
        try:
            parse_bucket_address(store)
        except ValueError as error:
            yield Fault(document.place("/spec/store"), f"store is no address of a bucket: {error}")


def _check_money(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    if "budget" in spec and "prices" not in spec:
        message = (
            "a budget needs prices in the same document: the repository must not choose the prices"
            " that its own budget is counted in"
        )
        yield Fault(document.place("/spec/budget", key=True), message)
    shipped_models = name_shipped_models()  # a repository may have others of its own
    yield from find_unknown_prices(document, spec, shipped_models, others_may_exist=True)


def _check_provider(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    """Pull requests need to know where they are. Writing back does not: git pushes by itself, and
    only a protected branch asks for a pull request.
    """
    provider = spec.get("provider")
    if "pullRequests" in spec and provider is None:
        message = "pullRequests needs provider: whose pull requests are they?"
        yield Fault(document.place("/spec/pullRequests", key=True), message)
    if not isinstance(provider, Mapping):
        return
    kind, repo = provider.get("kind"), provider.get("repo")
    if kind == "gitea" and "apiUrl" not in provider:
        message = "provider.kind gitea needs provider.apiUrl, such as https://HOST/api/v1"
        yield Fault(document.place("/spec/provider/kind"), message)
    if kind in ("github", "gitea") and isinstance(repo, str) and repo.count("/") > 1:
        message = f'provider.repo is "{make_plain(repo)[:80]}"; at {kind} it is owner/name'
        yield Fault(document.place("/spec/provider/repo"), message)
    if isinstance(repo, str) and any(part in (".", "..") for part in repo.split("/")):
        yield Fault(document.place("/spec/provider/repo"), "provider.repo: . and .. are no names")


def _check_notifications(document: Document, spec: Mapping[str, Any]) -> Iterator[Fault]:
    notify = spec.get("notify")
    for number, entry in enumerate(notify if isinstance(notify, list) else []):
        if _get(entry, "kind") == "slack" and "secretFrom" in entry:
            message = "secretFrom is for kind: webhook; Slack knows no signature of the sender"
            yield Fault(document.place(f"/spec/notify/{number}/secretFrom", key=True), message)


def _get(data: Any, *path: str) -> Any:
    """What stands at a path of mappings; None where one is missing or no mapping."""
    for part in path:
        data = data.get(part) if isinstance(data, Mapping) else None
    return data
