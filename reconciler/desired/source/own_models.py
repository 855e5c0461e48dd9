"""The models of a project's own: the files that `models:` of its project file names, each a model
that stands alone or one that extends another (docs/models.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reconciler.config import Config
from reconciler.config.project_file import find_unknown_models
from reconciler.desired.source.listing import list_model_entries, list_model_files
from reconciler.desired.source.opening import open_tree
from reconciler.desired.tree import Tree, Unusable
from reconciler.errors import Fault, InvalidInput, Place
from reconciler.formats import schema
from reconciler.formats.digest import hash_bytes
from reconciler.formats.document import Document, join_pointer
from reconciler.formats.model_layers import find_pointer, lay_over
from reconciler.formats.names import is_plain, make_plain, suggest_name
from reconciler.service.model_checks import find_slips
from reconciler.service.model_files import load_models
from reconciler.service.models import Models
from reconciler.system import shipped
from reconciler.system.cache import Cache, open_cache
from reconciler.system.clock import Clock

MOST_BYTES = 256 << 10  # of a model file
MOST_LAYERS = 8  # a file that extends a file that extends …
_TABLE = "models"
_FIRST = ("apiVersion", "kind")  # of a manifest, which was put there by mistake


def add_own_models(config: Config, clock: Clock) -> Config:
    """The same with the models of the project's own beside those that are shipped. Raises
    InvalidInput with every fault of their files, GitError.
    """
    if not list_model_entries(config):
        return config
    with open_cache(config.cache_dir) as cache, open_tree(config, cache, clock) as tree:
        return read_own_models(config, tree, cache)


def read_own_models(config: Config, tree: Tree, cache: Cache) -> Config:
    """The same, from a tree. Raises InvalidInput."""
    if not list_model_entries(config):
        return replace(config, models=load_models())
    raws = _read_files(config, tree)
    may_replace = config.committed is None
    contents = "".join(f"{path}\0{hash_bytes(raw)}\0" for path, raw in raws.items())
    key = hash_bytes(f"{contents}{may_replace}{shipped.compute_fingerprint()}".encode())
    documents = cache.get(_TABLE, key)
    if documents is None:
        documents = _OwnModels(raws, may_replace=may_replace).build()
        cache.put(_TABLE, key, documents)
    together = [*shipped.read_model_documents(), *documents]
    spec: Mapping[str, Any] = config.document.data["spec"]
    named = {name: model for model in together for name in model["names"]}
    if unknown := list(find_unknown_models(config.document, spec, named)):
        raise InvalidInput(unknown, files=1)
    return replace(config, models=Models.of(together, fingerprint=key))


def read_model_files(config: Config, clock: Clock) -> Mapping[str, bytes]:
    """The files that `models:` names, by path, as they are where the project is read from. Raises
    InvalidInput, GitError.
    """
    if not list_model_entries(config):
        return {}
    with open_cache(config.cache_dir) as cache, open_tree(config, cache, clock) as tree:
        return _read_files(config, tree)


def _read_files(config: Config, tree: Tree) -> dict[str, bytes]:
    paths, faults = list_model_files(config, tree)
    raws = {path: _read(tree, path, faults) for path in paths}
    if faults:
        raise InvalidInput(faults, files=len(paths))
    return raws


def _read(tree: Tree, path: str, faults: list[Fault]) -> bytes:
    """A file; an empty one where it cannot be read, which is told."""
    words = ""
    try:
        if not is_plain(path):
            words = "has a name with control characters or marks that reorder text"
        elif len(raw := tree.read(path, MOST_BYTES + 1)) <= MOST_BYTES:
            return raw
        else:
            words = f"is larger than the {MOST_BYTES >> 10} KiB that are read"
    except Unusable as error:
        words = str(error)
    faults.append(Fault(Place(make_plain(path)), f"the model file {words}"))
    return b""


class _OwnModels:
    """Model files that are read together: one may extend another."""

    def __init__(self, raws: Mapping[str, bytes], *, may_replace: bool) -> None:
        self._may_replace = may_replace
        self._faults: list[Fault] = []
        self._shipped = {model["model"]: model for model in shipped.read_model_documents()}
        self._documents: dict[str, Document] = {}  # by the model that each is of
        self._roots: dict[str, str] = {}  # by model: the shipped one that it extends
        self._files = len(raws)
        for path, raw in raws.items():
            self._take_in(path, raw)

    def build(self) -> list[dict[str, Any]]:
        """Every model whole, with its file in `file`. Raises InvalidInput with all faults."""
        models = []
        for name, document in self._documents.items():
            model = self._resolve(name, ())
            if model is not None and self._check(model, document):
                models.append({**model, "file": document.file})
        self._check_names()
        if self._faults:
            raise InvalidInput(self._faults, files=self._files)
        return models

    def _take_in(self, path: str, raw: bytes) -> None:
        from reconciler.formats.parsing import parse_documents  # lazy: YAML, of what is new

        documents, faults = parse_documents(raw, path)
        self._faults += faults
        if faults:
            return
        document = documents[0] if len(documents) == 1 else Document(path, None)
        data = document.data
        name = data.get("model") if isinstance(data, Mapping) else None
        if not isinstance(name, str) or any(field in data for field in _FIRST):
            words = "a model file is one document that says `model: NAME` (docs/models.md)"
            self._faults.append(Fault(Place(path), words))
        elif name in self._documents:
            other = self._documents[name].file
            words = f"{other} says what the model {make_plain(name)} is, too"
            self._faults.append(Fault(document.place("/model"), words))
        else:
            self._documents[name] = document

    def _resolve(self, name: str, below: tuple[str, ...]) -> dict[str, Any] | None:
        """The model of a file with all that it extends; None where that is wrong, which is told.
        `below` are the models that came here by extending this one.
        """
        document = self._documents[name]
        data: dict[str, Any] = document.data
        base_name = data.get("extends")
        if base_name is None:
            return data
        above = (*below, name)
        words = ""
        if not isinstance(base_name, str):
            words = "extends must be the name of a model"
        elif base_name in self._documents and base_name != name:
            if base_name in below:
                words = f"it extends itself: {' → '.join((*above, base_name))}"
            elif len(above) >= MOST_LAYERS:
                words = f"more than {MOST_LAYERS} files extend each other"
            else:
                base = self._resolve(base_name, above)
                if base_name in self._roots:
                    self._roots[name] = self._roots[base_name]
                return None if base is None else self._lay(base, data, document)
        elif base_name in self._shipped:
            self._roots[name] = base_name
            return self._lay(self._shipped[base_name], data, document)
        else:
            known = sorted({*self._shipped, *self._documents} - {name})
            legal = f"legal are {', '.join(map(make_plain, known))}"
            words = f'there is no model "{make_plain(base_name)}" to extend; {legal}.'
            words += suggest_name(base_name, known)
        fault = Fault(document.place("/extends"), words)
        if fault not in self._faults:  # it stands below several others
            self._faults.append(fault)
        return None

    def _lay(
        self, base: Mapping[str, Any], data: Mapping[str, Any], document: Document
    ) -> dict[str, Any] | None:
        if isinstance(base.get("variants"), list):
            return lay_over(base, data)
        words = "what it extends has no variants"
        self._faults.append(Fault(document.place("/extends"), words))
        return None

    def _check(self, model: Mapping[str, Any], document: Document) -> bool:
        """Whether a whole model is one; what is wrong is told at its place in its own file."""
        whole = document if model is document.data else _place_in_whole(model, document)
        faults = schema.validate_document(whole, shipped.read_schema("model"))
        if not faults:
            slips = find_slips(model, list(shipped.read_service()["regions"]))
            faults = [Fault(whole.place(at), words) for at, words in slips]
        self._faults += faults
        return not faults

    def _check_names(self) -> None:
        """No two models have a name, and what takes the name of a shipped one extends that."""
        taken = {
            name: model["model"] for model in self._shipped.values() for name in model["names"]
        }
        own: dict[str, str] = {}
        for model, document in self._documents.items():
            names = document.data.get("names")
            for name in names if isinstance(names, Mapping) else ():
                place = document.place(join_pointer("/names", name), key=True)
                if name in own:
                    words = f"{name} is a name of {own[name]} already"
                    self._faults.append(Fault(place, words))
                elif name in taken and (words := self._forbid(model, taken[name])):
                    self._faults.append(Fault(place, f"{name} is a model that is known: {words}"))
                own[name] = document.file
            if model in self._shipped and self._roots.get(model) != model:
                words = f"{model} is a model that is known: {self._forbid(model, model)}"
                self._faults.append(Fault(document.place("/model"), words))

    def _forbid(self, model: str, known: str) -> str:
        """Why a file may not take the place of a model that is shipped; empty: it may."""
        if not self._may_replace:
            return "what is rendered for a commit goes by the shipped one; choose another name"
        if self._roots.get(model) == known:
            return ""
        return f"a file that takes its place says `extends: {known}`; else choose another name"


def _place_in_whole(model: Mapping[str, Any], document: Document) -> Document:
    """A model that came of a file and what that extends, with the places in the file; where the
    file does not say something, `extends` does.
    """
    marks = {find_pointer(at, model, document.data): mark for at, mark in document.marks.items()}
    return Document(document.file, model, {**marks, "": document.marks["/extends"]})
