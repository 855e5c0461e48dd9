"""Makers: from a few words to edits, desired states, observed states and plans, without a disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.desired import manifest
from reconciler.desired.edit import Edit, LazyText
from reconciler.desired.edit_schema import build_manifest_schema
from reconciler.desired.graph import sort_by_upstreams
from reconciler.desired.job import Desired, Facts, Input, Job, Wanted, build_job
from reconciler.desired.manifest import Reading, Rules
from reconciler.formats.digest import hash_bytes
from reconciler.formats.document import Document
from reconciler.formats.parsing import parse_documents
from reconciler.formats.signed_urls import Signatures
from reconciler.plan.decide import PlanOptions
from reconciler.plan.draft import Draft
from reconciler.plan.jobs import resolve_jobs
from reconciler.plan.prune import Pruning
from reconciler.plan.step import Plan, Step
from reconciler.service.model_files import load_models
from reconciler.state.observed import (
    Attempt,
    History,
    Observed,
    Output,
    Pin,
    Published,
    Result,
    State,
)
from reconciler.system import shipped

MODELS = load_models()
SIGNATURES = Signatures.of(shipped.read_signatures())
SCHEMA = build_manifest_schema(MODELS)
ENDPOINT, ACCOUNT, REALM = "singapore", "studio", "live"
PRICES: Mapping[str, Any] = {
    "wan2.7-videoedit": {"720P": 0.10, "1080P": 0.15},
    "wan2.1-vace-plus": 0.20,
}
CLIP = {"type": "video", "url": "./clip.mp4"}


def build_rules(project: str = "spec: {}", region: str | None = None) -> Rules:
    """The rules a manifest is read against; `project` is the text of cutlist.yaml."""
    documents, _ = parse_documents(project.encode(), "cutlist.yaml")
    return Rules(SCHEMA, MODELS, region, documents[0])


RULES = build_rules()


def read_text(text: str, file: str = "specs/case.yaml", against: Rules = RULES) -> Reading:
    """What a manifest says."""
    return manifest.read_manifest(text.encode(), file, against)


def read_edit(text: str, against: Rules = RULES) -> Edit:
    """The one edit of a manifest that is valid."""
    found = read_text(text, against=against)
    assert [str(fault) for fault in found.faults if fault.severity == "error"] == []
    return found.edits[0]


def write_text(name: str, spec: Mapping[str, Any]) -> str:
    """A manifest in plain form."""
    document = {
        "apiVersion": "cutlist/v1",
        "kind": "Edit",
        "metadata": {"name": name},
        "spec": spec,
    }
    return json.dumps(document, ensure_ascii=False)


def make_edit(name: str, **fields: Any) -> Edit:
    """An edit of ./clip.mp4 at 720P, with further fields of `spec`."""
    spec = {
        "model": "wan2.7-videoedit",
        "input": {"prompt": "Make it blue", "media": [CLIP]},
        "parameters": {"resolution": "720P"},
        **fields,
    }
    return read_edit(write_text(name, spec))


def rewrite(edit: Edit, **parts: Any) -> Edit:
    """The edit with other labels, input or parameters."""
    return replace(edit, text=LazyText.of(edit.text.get()._replace(**parts)))


def make_chain(name: str, upstream: str, **fields: Any) -> Edit:
    """An edit of another edit's output."""
    return make_edit(
        name,
        input={"prompt": "Then this", "media": [{"type": "video", "url": f"edit://{upstream}"}]},
        **fields,
    )


def make_vace(
    name: str, function: str, parameters: Mapping[str, Any] | None = None, **input_: Any
) -> Edit:
    """A VACE edit."""
    fields = {"function": function, "prompt": "Make it blue", **input_}
    return read_edit(
        write_text(
            name,
            {"model": "wan2.1-vace-plus", "input": fields, "parameters": dict(parameters or {})},
        )
    )


# ------------------------------------------------------------------ jobs


def make_wanted(
    edit: Edit,
    lengths: Mapping[str, float] | None = None,
    bytes_of: Mapping[str, str] | None = None,
) -> Wanted:
    """An edit with its inputs looked at. Files hold what `bytes_of` says, else their own path,
    and last 2 s.

    `lengths` gives other files' lengths in seconds, by the path as the manifest writes it.
    """
    model = MODELS.by_name[edit.model]
    variant = model.variant(edit.function)
    assert variant is not None
    written = {at: url for at, url, _ in variant.media(edit.input)}
    sources = []
    for medium in edit.sources:
        url = written[medium.at]
        identity, facts = medium.reference.identity(SIGNATURES), None
        if medium.reference.kind == "local":
            identity = f"sha256:{hash_bytes((bytes_of or {}).get(url, url).encode())}"
            if model.media[medium.limits].kind == "video":
                facts = Facts("video", "mp4", 1, 320, 240, (lengths or {}).get(url, 2.0))
        sources.append(Input(medium, identity, facts))
    return Wanted(edit, model, variant, tuple(sources), SIGNATURES)


def make_job(
    edit: Edit, bytes_of: Mapping[str, str] | None = None, upstream: str = "0" * 64
) -> Job:
    """The job of an edit; the outputs of other edits have the digest `upstream`."""
    made = make_wanted(edit, bytes_of=bytes_of)
    return build_job(made, dict.fromkeys(made.upstreams, f"sha256:{upstream}"))


def make_key(text: str, against: Rules = RULES, bytes_of: Mapping[str, str] | None = None) -> str:
    """The key of the one edit of a manifest."""
    return make_job(read_edit(text, against), bytes_of).key


def make_desired(*edits: Edit, lengths: Mapping[str, float] | None = None) -> Desired:
    """A graph of edits."""
    all_wanted = {each.name: make_wanted(each, lengths) for each in edits}
    order = sort_by_upstreams({name: each.upstreams for name, each in all_wanted.items()})
    return Desired({name: all_wanted[name] for name in order}, (), 1)


# ------------------------------------------------------------------ what is


def make_digest(text: str) -> str:
    """The digest of some bytes."""
    return hash_bytes(text.encode())


def make_result(
    edit: Edit, content: str = "video", *, upstream: str = "0" * 64, duration_s: float = 2.0
) -> Result:
    """A result of an edit, with the bytes `content`."""
    made = make_job(edit, upstream=upstream)
    return Result(
        key=made.key,
        digest=make_digest(content),
        size_bytes=len(content),
        duration_s=duration_s,
        width=1280,
        height=720,
        stored_at="2027-01-15T08:00:00Z",
        edit=edit.name,
        job=made.canonical,
        task={"task_id": "task-0"},
        usage={},
        endpoint=ENDPOINT,
        account=ACCOUNT,
    )


def make_attempt(edit: Edit, state: State, **fields: Any) -> Attempt:
    """An attempt of an edit's job."""
    made = {
        "id": f"attempt-{edit.name}",
        "key": make_job(edit).key,
        "lane": "lane",
        "edit": edit.name,
        "state": state,
        "endpoint": ENDPOINT,
        "created_at": 0.0,
        **fields,
    }
    return Attempt(**made)


def make_file(
    content: str | None, *, written: str | None = None, realm: str = REALM, ours: bool | None = None
) -> Output:
    """A path of the work tree that holds `content` where we once wrote `written`."""
    published = (
        Published(make_digest(written), realm, "edit", "key") if written is not None else None
    )
    mine = content is not None and content == written if ours is None else ours
    return Output(make_digest(content) if content is not None else None, published, mine)


def make_observed(
    asked: Desired,
    *,
    results: Sequence[Result] = (),
    attempts: Sequence[Attempt] = (),
    files: Mapping[str, Output] | None = None,
    pins: Mapping[str, Pin] | None = None,
    before: Mapping[str, Mapping[str, Any]] | None = None,
    realm: str = REALM,
    damaged: Sequence[str] = (),
    left_over: Mapping[str, Output] | None = None,
    old_pins: Mapping[str, tuple[str, Pin]] | None = None,
) -> Observed:
    """What is: nothing but what is named. `files` goes by the name of the edit whose output it is,
    others by path.
    """
    by_key: dict[str, list[Result]] = {}
    for each in results:
        by_key.setdefault(each.key, []).append(each)
    history: dict[str, list[Attempt]] = {}
    for one in attempts:
        history.setdefault(one.key, []).append(one)
    nothing = Output(None, None, False)
    outputs = {
        each.edit.output: (files or {}).get(name, nothing) for name, each in asked.edits.items()
    }
    return Observed(
        realm=realm,
        endpoint=ENDPOINT,
        account="default",
        results=by_key,
        outputs=outputs,
        pins=pins or {},
        before=before or {},
        history={key: History(tuple(tries)) for key, tries in history.items()},
        damaged=damaged,
        left_over=left_over or {},
        old_pins=old_pins or {},
    )


def get_price_per_second(model: str, tier: str | None) -> float | None:
    """PRICES as the configuration would tell them."""
    price = PRICES.get(model)
    return price.get(tier) if isinstance(price, Mapping) else price


def make_output(
    edit: Edit, content: str = "video", /, *, now: str | None = "", **note: Any
) -> Output:
    """A path that we wrote for an edit, which holds the same (or `now`; None: it is gone)."""
    made = Published(
        **{
            "digest": make_digest(content),
            "realm": REALM,
            "edit": edit.name,
            "key": make_job(edit).key,
            **note,
        }
    )
    return Output(make_digest(now or content) if now is not None else None, made, now == "")


def make_plan(
    asked: Desired,
    seen: Observed,
    options: PlanOptions = PlanOptions(),  # noqa: B008  (frozen)
    *,
    prices: bool = True,
    pruning: Pruning = Pruning(enabled=True),  # noqa: B008  (frozen)
) -> Plan:
    """The plan from what is seen to what is asked."""
    return Draft(
        asked,
        resolve_jobs(asked, seen),
        seen,
        options=options,
        price_per_second=get_price_per_second if prices else lambda _model, _tier: None,
        account=ACCOUNT,
        currency="USD" if prices else "",
        pruning=pruning,
    ).write_plan()


def find_step(made: Plan, name: str) -> Step:
    """The step of one edit."""
    return next(each for each in made.steps if each.name == name)


def make_project_document(text: str) -> Document:
    """cutlist.yaml as a document."""
    return parse_documents(text.encode(), "cutlist.yaml")[0][0]
