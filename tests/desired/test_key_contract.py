"""schemas/key.md says the whole rule: here it is followed by hand, with nothing of the program but
the page itself.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from reconciler.desired.job import KEY_VERSION, build_canonical
from reconciler.formats.digest import encode_canonical, hash_bytes
from tests import making
from tests.making import MODELS, SIGNATURES

SCHEMAS = Path(__file__).parents[2] / "schemas"
PAGE = (SCHEMAS / "key.md").read_text(encoding="utf-8")
VECTORS = json.loads((SCHEMAS / "vectors" / "keys.json").read_bytes())


def table(heading: str) -> list[list[str]]:
    """The rows of the table whose head is `heading`."""
    rows = PAGE.split(f"| {heading} |\n", 1)[1].split("\n\n")[0].splitlines()[1:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


DEFAULTS = {
    (model.strip(), function, field): json.loads(default.strip("`"))
    for models, function, field, default in table("model | function | field | default")
    for model in models.split(",")
}
MEDIA = {
    (model.strip(), field)
    for models, field in table("model | field")
    for model in models.split(",")
}
MODELS_OF_VERSION_1 = ("wan2.7-videoedit", "wan2.1-vace-plus")
SIGNED = yaml.safe_load((SCHEMAS / "signatures.yaml").read_bytes())


# ------------------------------------------------------------------ the rule, in another hand


def canonical(spec: Mapping[str, Any], identities: Mapping[str, str], version: int) -> str:
    """The canonical JSON of a `spec`, as key.md says."""
    model, function = spec["model"], spec["input"].get("function", "")

    def said(section: str) -> dict[str, Any]:
        default = {
            field: value for (m, f, field), value in DEFAULTS.items() if (m, f) == (model, function)
        }
        fields = spec.get(section, {}).items()
        return {
            k: v for k, v in fields if json_text(default.get(f"{section}.{k}", ...)) != json_text(v)
        }

    def named(value: Any, field: str, pointer: str) -> Any:
        if isinstance(value, list):
            return [
                named(each, f"{field}[]", f"{pointer}/{index}") for index, each in enumerate(value)
            ]
        if isinstance(value, dict):
            return {k: named(v, f"{field}.{k}", f"{pointer}/{k}") for k, v in value.items()}
        if (model, field) not in MEDIA:
            return value
        return identity(value, identities.get(pointer), version)

    input_ = {name: named(value, name, f"/input/{name}") for name, value in said("input").items()}
    whole = {
        "v": version,
        "model": model,
        "input": input_,
        "parameters": said("parameters"),
        "take": spec.get("take", 1),
    }
    return json_text(whole)


def identity(url: str, known: str | None, version: int) -> str:
    """What stands for a reference."""
    if known is not None:
        return known
    if url.startswith("data:"):
        return "sha256:" + hashlib.sha256(base64.b64decode(url.partition(",")[2])).hexdigest()
    if url.startswith("oss:"):
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    host = re.sub(":443$" if parts.scheme == "https" else ":80$", "", host)
    query = [part for part in parts.query.split("&") if part]
    query = (left_by_1 if version == 1 else left_by_2)(query, host.split(":")[0], parts.path)
    kept = "&".join(query)
    return f"{parts.scheme}://{host}{parts.path or '/'}{'?' if kept else ''}{kept}"


def name_of(part: str) -> str:
    """The name of a part of a query, as it is compared."""
    return unquote(part.split("=")[0]).lower()


def left_by_1(query: list[str], host: str, path: str) -> list[str]:
    """What version 1 leaves of a query."""
    first = SIGNED["version_1"]
    beside = first["beside_sig"] if any(part.startswith("sig=") for part in query) else []
    return [part for part in query if name_of(part) not in {*first["names"], *beside}]


def left_by_2(query: list[str], host: str, path: str) -> list[str]:
    """What version 2 leaves of a query."""
    values = {name_of(part): unquote("".join(part.partition("=")[2:])) for part in query}
    gone: set[str] = set()
    for each in SIGNED["providers"]:
        if (
            all(mark in values for mark in each["marks"])
            and all(re.fullmatch(rule, values[n]) for n, rule in each.get("values", {}).items())
            and re.fullmatch(each.get("path", "(?s).*"), path)
            and (
                "hosts" not in each
                or any(
                    host == rule or (rule[:2] == "*." and host.endswith(rule[1:]))
                    for rule in each["hosts"]
                )
            )
        ):
            gone |= {*each["marks"], *each.get("also", [])}
    left = []
    for part in query:
        name, value = name_of(part), part.partition("=")[2]
        looks = name in SIGNED["suspects"]["names"] or any(
            name.endswith(end) for end in SIGNED["suspects"]["endings"]
        )
        if name not in gone:
            if looks and value and not value.startswith("sha256:"):
                digest = hashlib.sha256(value.encode()).hexdigest()
                part = f"{part.split('=')[0]}=sha256:{digest}"
            left.append(part)
    return left


def json_text(value: Any) -> str:
    """RFC 8785, as far as the fields of a job go: ASCII names, numbers of moderate size."""
    if isinstance(value, dict):
        return (
            "{"
            + ",".join(f"{json.dumps(name)}:{json_text(value[name])}" for name in sorted(value))
            + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else re.sub(r"e-0*", "e-", repr(value))
    return json.dumps(value, ensure_ascii=False) if value is not ... else ""


# ------------------------------------------------------------------ tests


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['v']}: {v['name']}")
def test_vector_by_hand(vector: dict[str, Any]) -> None:
    """The page alone is enough to compute every vector."""
    assert canonical(vector["spec"], vector["identities"], vector["v"]) == vector["canonical"]
    assert hashlib.sha256(vector["canonical"].encode()).hexdigest() == vector["key"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['v']}: {v['name']}")
def test_vector_by_the_program(vector: dict[str, Any]) -> None:
    """The program computes every vector: a key that was paid for stays."""
    wanted = making.make_wanted(making.read_edit(making.write_text("vector", vector["spec"])))
    known = {
        each.medium.at: vector["identities"].get(each.medium.at)
        or (
            SIGNATURES.remove_signature_v1(each.medium.reference.value)
            if vector["v"] == 1 and each.medium.reference.kind == "remote"
            else each.medium.reference.identity(SIGNATURES)
        )
        for each in wanted.inputs
    }
    made = encode_canonical(build_canonical(wanted, known, vector["v"]))
    assert made.decode() == vector["canonical"]
    assert hash_bytes(made) == vector["key"]


@pytest.mark.parametrize("version", [1, 2])
def test_vectors_cover_the_rule(version: int) -> None:
    """There is a vector for every model, every function, and each kind of media reference."""
    vectors = [each for each in VECTORS if each["v"] == version]
    assert len(vectors) >= 20
    assert {(v["spec"]["model"], v["spec"]["input"].get("function")) for v in vectors} >= {
        (model.model, variant.function)
        for model in MODELS.by_name.values()
        for variant in model.variants
        if version > 1 or model.model in MODELS_OF_VERSION_1
    }
    text = json.dumps(vectors)
    assert all(kind in text for kind in ('"./', '"data:', '"edit://', '"oss://', '"https://'))
    names = [v["name"] for v in vectors]
    assert len(set(names)) == len(names)


def test_vectors_show_every_provider() -> None:
    """Each provider has a vector of version 2, and its link has the key of the bare link."""
    keys = {v["name"]: v["key"] for v in VECTORS if v["v"] == 2}
    for entry in SIGNED["providers"]:
        assert keys[f"signed: {entry['name']}"] == keys[f"bare: {entry['example']}"]


def test_vectors_differ_where_they_say_so() -> None:
    """Vectors that show `no change` share their key with another one, the others do not."""
    by_key: dict[str, list[str]] = {}
    for vector in VECTORS:
        if not vector["name"].startswith(("signed: ", "bare: ")):
            by_key.setdefault(vector["key"], []).append(vector["name"])
    assert sorted(len(names) for names in by_key.values() if len(names) > 1) == [2, 2, 4, 4]


def test_page_lists_the_documented_defaults() -> None:
    """The table of defaults is that of schemas/models, no more and no less."""
    assert {
        (name, variant.function or "", f"{section}.{field}"): variant.default(section, field)
        for name, model in MODELS.by_name.items()
        for variant in model.variants
        for section, field, _ in variant.fields()
        if variant.default(section, field) is not None
    } == DEFAULTS


def test_page_lists_the_media_fields() -> None:
    """The table of media fields is that of schemas/models."""
    found = set()
    for name, model in MODELS.by_name.items():
        for variant in model.variants:
            for section, field, schema in variant.fields():
                items = schema.get("items", {})
                if "x-media" in schema:
                    found.add((name, field))
                elif "x-media" in items:
                    found.add((name, f"{field}[]"))
                for part, rule in items.get("properties", {}).items():
                    if "x-media-by" in rule or "x-media" in rule:
                        found.add((name, f"{field}[].{part}"))
                assert section == "input" or "x-media" not in json.dumps(schema)
    assert found == MEDIA


def test_page_says_the_version() -> None:
    """The version of the rule is the program's."""
    assert f'{{"v": {KEY_VERSION},' in PAGE
