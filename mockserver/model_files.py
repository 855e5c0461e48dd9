"""Model files of one's own: read with care, and laid over the models that they extend.

The rule of `extends` is that of docs/models.md. Such files may come from strangers: what is odd in
one is refused in a sentence that begins with its name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mockserver.errors import ServerError

Doc = dict[str, Any]
LARGEST_FILE = 256 << 10  # bytes
DEEPEST = 50  # levels of nesting
MOST_FILES = 100
MOST_LAYERS = 8  # files that extend each other
_LONGEST_SHOWN = 200  # characters of what a file says, in a message
_SUFFIXES = (".yaml", ".yml")
_OWN_FIELDS = ("model", "title", "names", "extends")  # never taken from what is extended


class BadModel(ServerError):
    """A model file cannot be used; the message says which, and why."""


def read_models(paths: Iterable[Path], shipped: Mapping[str, Doc], schema: Doc) -> list[Doc]:
    """The models of files, and of the files in folders, each whole and with its `file`.

    `shipped` are those that there are anyway, by name; `schema` is the JSON Schema of all. Raises
    BadModel.
    """
    files = list(_find_files(paths))
    if len(files) > MOST_FILES:
        raise BadModel(f"{len(files)} model files are more than the {MOST_FILES} that are read")
    own: dict[str, Doc] = {}
    for file in files:
        document = _read_file(file)
        name = document.get("model")
        if not isinstance(name, str):
            raise BadModel(f"{file} should say `model: NAME`")
        if name in own:
            raise BadModel(f"{file} says what {_show(name)} is, and so does {own[name]['file']}")
        own[name] = {**document, "file": str(file)}
    models = [_resolve(name, own, shipped, ()) for name in own]
    for model in models:
        _check(model, schema)
    _check_names(models, own, shipped)
    return models


def _find_files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
            if not found:
                raise BadModel(f"{path} holds no model files, which end in .yaml or .yml")
            yield from found
        else:
            yield path


# ---- one file


def _read_file(file: Path) -> Doc:
    try:
        if not file.is_file():
            raise BadModel(f"{file} is no file that is there")
        with file.open("rb") as stream:
            data = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadModel(f"cannot read the model file {file}: {error.strerror}") from error
    if len(data) > LARGEST_FILE:
        raise BadModel(f"{file} is larger than the {LARGEST_FILE >> 10} KiB that are read")
    try:
        text = data.decode("utf-8")
        node = _compose(file, text)
        document = yaml.load(text, Loader=yaml.CSafeLoader)
        json.dumps(document, allow_nan=False)  # refuses dates and numbers that JSON has not
    except UnicodeDecodeError:
        raise BadModel(f"{file} is no text in UTF-8") from None
    except (yaml.YAMLError, TypeError, ValueError) as error:
        words = " ".join(str(error).split())[:_LONGEST_SHOWN]
        raise BadModel(f"{file} is not the YAML of a model file: {words}") from error
    _refuse_odd_keys(file, node)
    if not isinstance(document, dict):
        raise BadModel(f"{file} should be a mapping")
    return document


def _compose(file: Path, text: str) -> yaml.Node | None:
    """The nodes of a text that has no aliases, no tags, and is not deep: it cannot grow."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        documents += isinstance(event, yaml.DocumentStartEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        is_odd = isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None
        if is_odd or getattr(event, "tag", None) is not None:
            line = 1 if event.start_mark is None else event.start_mark.line + 1
            raise BadModel(f"{file}:{line} has an alias, an anchor or a tag; write it out")
        if depth > DEEPEST:
            raise BadModel(f"{file} is nested deeper than {DEEPEST} levels")
    if documents != 1:
        raise BadModel(f"{file} should hold one document, not {documents}")
    return yaml.compose(text, Loader=yaml.CSafeLoader)


def _refuse_odd_keys(file: Path, node: yaml.Node | None) -> None:
    """Refuse names that stand twice, and names that are no text, such as 720 or yes."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag != "tag:yaml.org,2002:str":
                raise BadModel(f'{file}:{line} has a name that is no text; put it in "…"')
            if key.value in seen:
                raise BadModel(f"{file}:{line} says {_show(key.value)} twice")
            seen.add(key.value)
            _refuse_odd_keys(file, value)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_odd_keys(file, item)


# ---- extends


def complete_models(documents: Iterable[Doc]) -> tuple[Doc, ...]:
    """Shipped models, each with all that it extends, and without the name of its file."""
    shipped = {document["model"]: document for document in documents}
    whole = [_resolve(name, shipped, {}, ()) for name in shipped]
    return tuple({name: said for name, said in model.items() if name != "file"} for model in whole)


def _resolve(
    name: str, own: Mapping[str, Doc], shipped: Mapping[str, Doc], below: tuple[str, ...]
) -> Doc:
    """A model with all that it extends; `below` are those that came here by extending it."""
    document = own[name]
    file, base_name = document["file"], document.get("extends")
    if base_name is None:
        return {key: value for key, value in document.items() if key != "extends"}
    above = (*below, name)
    if isinstance(base_name, str) and base_name in own and base_name != name:
        if base_name in below:
            raise BadModel(f"{file} extends itself: {' → '.join((*above, base_name))}")
        if len(above) >= MOST_LAYERS:
            raise BadModel(f"{file}: more than {MOST_LAYERS} files extend each other")
        return _lay_over(_resolve(base_name, own, shipped, above), document)
    if isinstance(base_name, str) and base_name in shipped:
        return _lay_over(shipped[base_name], document)
    known = ", ".join(sorted({*shipped, *own} - {name}))
    raise BadModel(f"{file} extends {_show(base_name)}, which is none of {known}")


def _lay_over(base: Doc, own: Doc) -> Doc:
    """What a file says, over the model that it extends."""
    taken = {name: value for name, value in base.items() if name not in _OWN_FIELDS}
    said = {name: value for name, value in own.items() if name not in ("extends", "variants")}
    merged = _merge(taken, said)
    variants, base_variants = own.get("variants"), base.get("variants")
    if variants is not None:
        if not all(_is_list_of_mappings(value) for value in (variants, base_variants)):
            raise BadModel(f"{own['file']}: variants should be a list of mappings")
        merged["variants"] = _merge_variants(base_variants or [], variants)
    return merged


def _merge(base: Doc, own: Doc) -> Doc:
    """A JSON merge patch (RFC 7396): mappings merge, null takes away, all else replaces."""
    merged = dict(base)
    for name, value in own.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            below = merged.get(name)
            merged[name] = _merge(below if isinstance(below, dict) else {}, value)
        else:
            merged[name] = value
    return merged


def _merge_variants(base: Sequence[Doc], own: Sequence[Doc]) -> list[Doc]:
    """Variants are told apart by their function; the new ones come last."""
    functions = [variant.get("function") for variant in base]
    merged = []
    for variant, function in zip(base, functions, strict=True):
        said = next((each for each in own if each.get("function") == function), {})
        rest = {name: value for name, value in said.items() if name != "function"}
        merged.append(_merge(variant, rest))
    return [*merged, *(each for each in own if each.get("function") not in functions)]


def _is_list_of_mappings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


# ---- the whole


def _check(model: Doc, schema: Doc) -> None:
    """Hold a whole model to the JSON Schema of model files."""
    from jsonschema import Draft202012Validator  # lazy: only who has models of their own pays
    from jsonschema.exceptions import best_match

    document = {name: value for name, value in model.items() if name != "file"}
    names = document.get("names")
    if not isinstance(names, dict) or not all(isinstance(item, dict) for item in names.values()):
        raise BadModel(f"{model['file']} should say `names: {{NAME: {{REGION: allowed}}}}`")
    error = best_match(Draft202012Validator(schema).iter_errors(document))
    if error is not None:
        place = ".".join(map(str, error.absolute_path)) or "the file"
        legal = error.schema.get("x-legal") if isinstance(error.schema, dict) else None
        words = f"it should be {legal}" if legal else error.message
        raise BadModel(f"{model['file']}: {place}: {_show(words)}")


def _check_names(models: Sequence[Doc], own: Mapping[str, Doc], shipped: Mapping[str, Doc]) -> None:
    """No two models have a name; what takes the place of a shipped one has to extend that."""
    taken = {name: model["model"] for model in shipped.values() for name in model["names"]}
    seen: dict[str, str] = {}
    for model in models:
        for name in {model["model"], *model["names"]}:
            place = f"{model['file']}: {_show(name)}"
            if name in seen:
                raise BadModel(f"{place} is a name in {seen[name]} already")
            known = taken.get(name)
            if known is not None and not _extends(model["model"], known, own):
                raise BadModel(
                    f"{place} is a model that is known: a file that takes its place says"
                    f" `extends: {known}`; else choose another name"
                )
        seen |= dict.fromkeys({model["model"], *model["names"]}, model["file"])


def _extends(name: str, known: str, own: Mapping[str, Doc]) -> bool:
    """Whether a model extends a shipped one, at once or through others."""
    for _ in range(MOST_LAYERS):
        base = own[name].get("extends")
        if not isinstance(base, str) or base == name or base not in own:
            return base == known
        name = base
    return False


def _show(value: object) -> str:
    """What a file says, fit for a terminal."""
    text = str(value)[:_LONGEST_SHOWN]
    return "".join(c if c.isprintable() else "?" for c in text)
