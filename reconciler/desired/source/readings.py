"""Reads a manifest file once: what it says is remembered by its bytes and by what it is read
against.

Remembered of a file is one row: of every edit what each pass asks for. The rest of what it says,
its texts and where they stand, lies apart and is read for the edits that somebody looks at.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from sys import intern
from typing import Any

from reconciler.config import Config
from reconciler.desired import manifest
from reconciler.desired.edit import Edit, LazyText, Medium, Text
from reconciler.desired.job import KnownKeys, Wanted, build_job
from reconciler.desired.manifest import Rules
from reconciler.desired.policy import Policy
from reconciler.desired.references import Reference, show_url
from reconciler.desired.signed import Suspect, find_suspects
from reconciler.desired.tree import Tree, Unusable
from reconciler.errors import Fault, Place
from reconciler.formats.digest import digest_json, hash_bytes
from reconciler.formats.document import MAX_BYTES, Document, LazyMarks, SourceText
from reconciler.formats.names import NO_ENVIRONMENT, is_plain
from reconciler.formats.values import value
from reconciler.service.models import Variant
from reconciler.system import shipped
from reconciler.system.cache import Cache

# as it is remembered: tuples, since Python has one empty tuple, and an empty list for each
Row = tuple[Any, ...]
_ROWS, _TEXTS, _KEYS = "manifests", "manifests/texts", "keys"


@value(frozen=True, slots=True)
class ManifestFile:
    """What one manifest file says, and what follows from it and the project's rules alone. With
    faults, `edits` holds what could be understood and `names` every name met.
    """

    edits: Sequence[Edit]
    faults: Sequence[Fault]
    names: Sequence[str] = ()
    known: Sequence[KnownKeys] = ()  # of each edit; none where the file has faults
    suspects: Sequence[tuple[Edit, Suspect]] = ()  # links that look signed
    keeps_policy: bool = True  # whether no edit breaks a rule


class ManifestReader:
    """Reads the manifests of a project against one set of rules."""

    def __init__(self, config: Config, rules: Rules, tree: Tree, cache: Cache) -> None:
        self._rules = rules
        self._signatures = config.signatures
        self._tree = tree
        self._cache = cache
        self.policy = Policy.of(config.document, config.environment)
        self.floor = _read_floor(config)
        self._context = self._compute_context()
        # by context and path: the stamp and what was read then
        self._held: dict[tuple[str, str], tuple[Hashable, ManifestFile]] | None
        self._held = cache.hold("manifests")

    def read(self, file: str) -> ManifestFile:
        """What the manifest `file` says, its path being relative to the project."""
        if not is_plain(file):
            fault = Fault(
                Place(show_url(file)),
                "the manifest's name has control characters or marks that reorder text",
            )
            return ManifestFile([], [fault])
        try:
            if self._held is None:
                return self._read(file)
            stamp, held = self._tree.stamp(file), self._held.get((self._context, file))
            if held is not None and stamp is not None and held[0] == stamp:
                return held[1]
            found = self._read(file)
        except Unusable as error:
            return ManifestFile([], [Fault(Place(file), f"the manifest {error}")])
        self._held[self._context, file] = stamp, found
        return found

    def _read(self, file: str) -> ManifestFile:
        raw = self._tree.read(file, MAX_BYTES + 1)
        key = f"{hash_bytes(raw)}:{self._context}:{file}"
        row = self._cache.get(_ROWS, key)
        if row is None:
            return self._read_anew(raw, file, key)
        return self._load_row(row, file, key, raw)

    def _compute_context(self) -> str:
        """What a row depends on besides the file's own bytes: the rules as shipped and the code
        that writes it, the region, the project's defaults and policy, the environment, and how
        links are identified.
        """
        spec = self._rules.project.data.get("spec") or {}
        layers = [spec.get("defaults"), spec.get("environments"), self._rules.environment]
        marks = {
            at: mark
            for at, mark in self._rules.project.marks.items()
            if at.startswith(("/spec/defaults", "/spec/environments"))
        }
        policies = [self.policy.to_json(), self.floor.to_json()]
        ignored = sorted(self._signatures.ignored)
        rules = [self._fingerprint_rules(), self._rules.region, layers, marks]
        return digest_json([*rules, policies, ignored])[:16]

    def _fingerprint_rules(self) -> str:
        """Of the rules as shipped, and of a project's own models where it has any."""
        own = self._rules.models.fingerprint
        return f"{shipped.compute_fingerprint()}:{own}" if own else shipped.compute_fingerprint()

    # -------------------------------------------------------------- what is new

    def _read_anew(self, raw: bytes, file: str, key: str) -> ManifestFile:
        reading = manifest.read_manifest(raw, file, self._rules)
        found = ManifestFile(
            reading.edits,
            reading.faults,
            reading.names,
            suspects=[
                (edit, suspect)
                for edit in reading.edits
                for suspect in find_suspects(self._list_media(edit), self._signatures)
            ],
            keeps_policy=not any(self.check_policies(reading.edits)),
        )
        if any(fault.severity == "error" for fault in reading.faults):
            return found
        known = [self._find_keys(edit, key, number) for number, edit in enumerate(reading.edits)]
        row = _dump_row(replace(found, known=known))
        self._cache.put(_ROWS, key, row)
        self._cache.put(_TEXTS, key, _dump_texts(found.edits))
        return self._load_row(row, file, key, raw)  # as every later run has it

    def check_policies(self, edits: Sequence[Edit]) -> Iterator[Fault]:
        """Everything in which edits break the project's rules, or those that it cannot waive."""
        variants = [(edit, self._get_variant(edit)) for edit in edits]
        yield from self.policy.check(variants)
        yield from self.floor.check(variants)

    def _get_variant(self, edit: Edit) -> Variant:
        variant = self._rules.models.by_name[edit.model].variant(edit.function)
        assert variant is not None  # an edit without one is not understood
        return variant

    def _list_media(self, edit: Edit) -> Sequence[Medium]:
        return edit.media(self._get_variant(edit))

    def _find_keys(self, edit: Edit, row_key: str, number: int) -> KnownKeys:
        """Where its keys are remembered; that of an edit of links alone is known already."""
        if edit.sources:
            return _RememberedKeys(self._cache, row_key, number)
        model = self._rules.models.by_name[edit.model]
        wanted = Wanted(edit, model, self._get_variant(edit), (), self._signatures)
        return _OnlyKey(build_job(wanted, {}).key)

    # -------------------------------------------------------------- what is remembered

    def _load_row(self, row: Sequence[Any], file: str, key: str, raw: bytes) -> ManifestFile:
        entries, warnings, suspects, keeps_policy = row
        texts = _Texts(self._cache, key, raw, self._rules)
        edits: list[Edit] = []
        known: list[KnownKeys] = []
        for number, entry in enumerate(entries):
            name, model, function, take, suspend, protect, output = entry[:7]
            line, column, own, sources, aliases = entry[7:]
            edits.append(
                Edit(
                    name,
                    model,
                    function,
                    take,
                    suspend,
                    protect,
                    output,
                    LazyText((file, line, column), texts, number),
                    tuple(map(_load_medium, sources)) if sources else (),
                    aliases,
                )
            )
            known.append(_OnlyKey(own) if own else _RememberedKeys(self._cache, key, number))
        return ManifestFile(
            edits,
            [Fault(Place(*place), text, "warning") for *place, text in warnings],
            known=known,
            suspects=[
                (edits[number], Suspect(at, host, tuple(names)))
                for number, at, host, names in suspects
            ],
            keeps_policy=keeps_policy,
        )


class _OnlyKey:
    """The key of an edit that takes nothing but links: there is no other."""

    __slots__ = ("own",)

    def __init__(self, own: str) -> None:
        self.own = own

    def find(self, sources: Sequence[str]) -> str | None:
        return None if sources else self.own

    def note(self, sources: Sequence[str], key: str) -> None:
        """Nothing to remember."""


class _RememberedKeys:
    """The keys of an edit by what its sources were, remembered beside the row of its manifest."""

    __slots__ = ("_cache", "_number", "_row_key")

    own = ""

    def __init__(self, cache: Cache, row_key: str, number: int) -> None:
        self._cache = cache
        self._row_key = row_key
        self._number = number

    def find(self, sources: Sequence[str]) -> str | None:
        key: str | None = self._cache.get(_KEYS, self._name(sources))
        return key

    def note(self, sources: Sequence[str], key: str) -> None:
        self._cache.put(_KEYS, self._name(sources), key)

    def _name(self, sources: Sequence[str]) -> str:
        return hash_bytes("\n".join((self._row_key, str(self._number), *sources)).encode())


class _Texts:
    """What a manifest says of its edits at length, as it was remembered; read anew where that is
    lost.
    """

    __slots__ = ("_cache", "_key", "_raw", "_rules", "_texts")

    def __init__(self, cache: Cache, key: str, raw: bytes, rules: Rules) -> None:
        self._cache = cache
        self._key = key
        self._raw = raw
        self._rules = rules
        self._texts: Sequence[Text] = ()

    def read(self, number: int) -> Text:
        """The text of an edit, by its number in the file."""
        if not self._texts:
            data, file = self._cache.fetch(_TEXTS, self._key), self._key.split(":", 2)[2]
            if data is None:
                edits = manifest.read_manifest(self._raw, file, self._rules).edits
                self._cache.put(_TEXTS, self._key, _dump_texts(edits))
                self._texts = [edit.text.get() for edit in edits]
            else:
                self._texts = list(_load_texts(data, file))
        return self._texts[number]


def _read_floor(config: Config) -> Policy:
    """The rules that the project file cannot waive; none, where nobody else has any."""
    if config.policy_floor is None:
        return Policy(config.document)
    return Policy.of(config.policy_floor, NO_ENVIRONMENT)


# ------------------------------------------------------------------ as JSON


def _dump_row(file: ManifestFile) -> Row:
    numbers = {id(edit): number for number, edit in enumerate(file.edits)}
    known = zip(file.edits, file.known, strict=True)
    return (
        tuple(_dump_edit(edit, keys.own) for edit, keys in known),
        tuple((*fault.place.to_json(), fault.message) for fault in file.faults),
        tuple((numbers[id(edit)], *suspect) for edit, suspect in file.suspects),
        file.keeps_policy,
    )


def _dump_edit(edit: Edit, own_key: str) -> Row:
    return (
        edit.name,
        intern(edit.model),  # what many say alike is written, and held, once
        edit.function and intern(edit.function),
        edit.take,
        edit.suspend,
        edit.protect,
        edit.output,
        *edit.text.spot[1:],
        own_key,
        tuple(map(_dump_medium, edit.sources)),
        tuple(edit.aliases),
    )


def _dump_medium(medium: Medium) -> Row:
    reference = medium.reference
    return medium.at, reference.kind, reference.value, medium.limits, reference.fragment


def _load_medium(entry: Sequence[Any]) -> Medium:
    at, kind, value, limits, fragment = entry
    return Medium(at, Reference(kind, value, fragment), limits)


def _dump_texts(edits: Sequence[Edit]) -> list[Any]:
    """As JSON: the file as it is, which tells where everything stands, and the texts of its edits;
    the cells of a matrix share their document.
    """
    documents = {id(edit.document.marks): _get_marks(edit) for edit in edits}
    numbers = {document: number for number, document in enumerate(documents)}
    texts = [
        [
            edit.labels,
            edit.input,
            edit.parameters,
            numbers[id(edit.document.marks)],
            {at: place.to_json() for at, place in edit.document.inherited.items()},
        ]
        for edit in edits
    ]
    source = next((marks.source.text for marks in documents.values()), "")
    return [source, [[marks.number, marks.first] for marks in documents.values()], texts]


def _get_marks(edit: Edit) -> LazyMarks:
    marks = edit.document.marks
    assert isinstance(marks, LazyMarks)  # a file with faults is not remembered
    return marks


def _load_texts(data: Sequence[Any], file: str) -> Iterator[Text]:
    written, documents, texts = data
    source = SourceText(written)
    marks = [LazyMarks(source, number, tuple(first)) for number, first in documents]
    for labels, input_, parameters, number, inherited in texts:
        places = {at: Place(*place) for at, place in inherited.items()}
        yield Text(labels, input_, parameters, Document(file, None, marks[number], places))
