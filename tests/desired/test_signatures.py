"""What signs a link is no part of it: by provider, and never a name alone that anybody may use."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.formats.signed_urls import Signatures
from reconciler.system import shipped
from tests.making import SIGNATURES, make_edit, make_job
from tests.workspace import Workspace

PROVIDERS = shipped.read_signatures()["providers"]
SUSPECTS = shipped.read_signatures()["suspects"]
EACH = 10  # examples: there are some sixty providers
SIGNING = {name for each in PROVIDERS for name in (*each["marks"], *each.get("also", ()))}
# names that no provider has, as content has them
CONTENT = st.sampled_from(["versionId", "id", "x-oss-process", "b", "w", "alt", "part", "response"])
VALUES = st.text("abcXYZ019", min_size=1, max_size=8)
spelling = st.sampled_from([str, str.upper, str.title])


def provider_ids(entry: dict[str, Any]) -> str:
    return str(entry["name"])


@st.composite
def signature(draw: st.DrawFn, entry: dict[str, Any]) -> list[str]:
    """The parameters with which a provider signs, fresh values in them."""
    optional = draw(st.lists(st.sampled_from(entry.get("also") or [""]), unique=True))
    parts = []
    for name in (*entry["marks"], *filter(None, optional)):
        rule = entry.get("values", {}).get(name)
        value = draw(st.from_regex(rule, fullmatch=True) if rule else VALUES)
        parts.append(f"{draw(spelling)(name)}={quote(value, safe='')}")
    return parts


def link(entry: dict[str, Any], parts: list[str]) -> str:
    return str(entry["example"]) + (f"?{'&'.join(parts)}" if parts else "")


def mixed(content: list[str], signed: list[str], random: Any) -> list[str]:
    """The parameters of both, those of the content in their order."""
    parts = [*content]
    for each in signed:
        parts.insert(random.randint(0, len(parts)), each)
    return parts


@pytest.mark.parametrize("entry", PROVIDERS, ids=provider_ids)
@settings(max_examples=EACH)
@given(st.data(), st.randoms(use_true_random=False))
def test_a_refreshed_signature_changes_nothing(
    entry: dict[str, Any], data: Any, random: Any
) -> None:
    """Of every provider: the signature may come, change, go and move; what else is there stays."""
    content = data.draw(st.lists(st.tuples(CONTENT, VALUES), max_size=3))
    kept = [f"{name}={value}" for name, value in content]
    before, after = data.draw(signature(entry)), data.draw(signature(entry))
    bare = SIGNATURES.remove_signature(link(entry, kept))
    assert bare == link(entry, kept)
    assert SIGNATURES.remove_signature(link(entry, mixed(kept, before, random))) == bare
    assert SIGNATURES.remove_signature(link(entry, mixed(kept, after, random))) == bare
    assert not SIGNATURES.find_suspects(link(entry, mixed(kept, after, random)))


@pytest.mark.parametrize("entry", PROVIDERS, ids=provider_ids)
@settings(max_examples=EACH)
@given(st.data())
def test_any_other_parameter_is_content(entry: dict[str, Any], data: Any) -> None:
    """Beside a signature, another value of any other parameter is another job."""
    signed = data.draw(signature(entry))
    name, one, other = data.draw(CONTENT), data.draw(VALUES), data.draw(VALUES)
    keys = {
        SIGNATURES.remove_signature(link(entry, [*signed, f"{name}={value}"]))
        for value in (one, other)
    }
    assert len(keys) == len({one, other})


@pytest.mark.parametrize("name", sorted(SIGNING))
def test_no_name_signs_alone(name: str) -> None:
    """At a site of anybody's, `?NAME=a` and `?NAME=b` are two jobs, for every name of the list."""
    one, other = (
        make_job(make_edit("x", input={"media": [{"type": "video", "url": f"https://films.example/v.mp4?{name}={v}"}]}))
        for v in "ab"
    )  # fmt: skip
    assert one.key != other.key


@pytest.mark.parametrize(
    "name", [*SUSPECTS["names"], "x-acme-signature", "Access_Token", "upload_sig"]
)
def test_a_token_is_never_kept(name: str) -> None:
    """What looks like a signature of nobody that is known makes a difference, and only as
    a digest.
    """
    urls = [f"https://films.example/v.mp4?id=7&{name}={value}" for value in ("geheim1", "geheim2")]
    left = [SIGNATURES.remove_signature(url) for url in urls]
    assert left[0] != left[1] and not any("geheim" in each for each in left)
    assert all("id=7" in each for each in left)
    assert SIGNATURES.find_suspects(urls[0]) == [name]
    assert SIGNATURES.remove_signature(left[0]) == left[0]


@pytest.mark.parametrize("entry", PROVIDERS, ids=provider_ids)
def test_entries_are_whole(entry: dict[str, Any]) -> None:
    """An entry has a source, names in lower case, and no general name that signs alone
    everywhere.
    """
    assert entry["source"].startswith("https://")
    names = [*entry["marks"], *entry.get("also", ())]
    assert names == [name.lower() for name in names] and len(set(names)) == len(names)
    assert entry.keys() <= {"name", "source", "marks", "also", "values", "hosts", "path", "example"}
    assert len(entry["marks"]) > 1 or entry.keys() & {"values", "hosts", "path"}
    assert set(entry.get("values", ())) <= set(entry["marks"])


def test_own_parameters() -> None:
    """`identity.ignore_query` takes out what a project says, in any case, and nothing else."""
    own = Signatures.of(shipped.read_signatures(), ["Ticket"])
    assert own.remove_signature("https://f.example/a?id=1&ticket=x") == "https://f.example/a?id=1"
    assert (
        own.remove_signature("https://f.example/a?TICKET=y&tickets=2")
        == "https://f.example/a?tickets=2"
    )
    assert not own.find_suspects("https://f.example/a?ticket=x")


# ------------------------------------------------------------------ as people meet it

LINK = "https://films.example/v.mp4?"


def put(workspace: Workspace, name: str, query: str) -> None:
    media = [{"type": "video", "url": LINK + query}]
    workspace.edit(name, input={"prompt": "Snow", "media": media})


def test_one_warning_for_links_of_a_kind(workspace: Workspace) -> None:
    """Links that look signed are told of once, with their place and the way out; never
    their token.
    """
    for number in range(3):
        put(workspace, f"film-{number}", f"id={number}&ticket=geheim{number}")
    for command in ("validate", "plan"):
        said = workspace.run(command)
        words = " ".join((said.out + said.err).split())
        assert words.count("looks signed (ticket) (and 2 more like it)") == 1, command
        assert "identity.ignore_query" in words and "film-0.yaml:" in words
        assert "geheim" not in words
    spec = (workspace.root / "cutlist.yaml").read_text()
    workspace.write("cutlist.yaml", f"{spec}  identity: {{ignore_query: [ticket]}}\n")
    assert "looks signed" not in workspace.run("plan").out
    put(workspace, "film-0", "policy=a")
    assert "looks signed" not in workspace.run("plan").out


@pytest.mark.parametrize("name", ["a=b", "a&b", "", "a b", "a%20", "?a", "a\\n"])
def test_a_name_is_a_name(workspace: Workspace, name: str) -> None:
    """What is no name of a parameter is a fault of the project file with its place."""
    spec = (workspace.root / "cutlist.yaml").read_text()
    workspace.write("cutlist.yaml", f'{spec}  identity: {{ignore_query: ["{name}"]}}\n')
    said = workspace.run("plan")
    assert said.code == 3 and "cutlist.yaml:7:" in said.err


@given(
    st.sampled_from(["http", "https", "HTTPS", "Http"]),
    st.text("abZ019.-_:@[]é", min_size=1, max_size=12),
    st.text("/aZ9.;:@~%&=+[]()é ", max_size=12),
)
@settings(max_examples=100)
def test_a_link_without_parameters(scheme: str, host: str, path: str) -> None:
    """What is nothing but host and path is the same with a fragment, and however it is spelled."""
    url = f"{scheme}://{host}/{path}"
    try:
        whole = SIGNATURES.remove_signature(f"{url}#part")
    except ValueError:  # a host that cannot be read
        return
    assert SIGNATURES.remove_signature(url) == whole
    assert SIGNATURES.remove_signature(whole) == whole or "[" in host or "@" in host
