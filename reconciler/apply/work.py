"""The work on one attempt as plain data: what is sent, and what has to lie in the service's storage
before. It names bytes by their digests; whoever carries it out knows where they are. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import PurePosixPath
from typing import Any, Literal

from reconciler.desired.datauri import parse_data_uri
from reconciler.desired.job import Input, Job, Wanted, build_request
from reconciler.formats.digest import hash_bytes
from reconciler.plan.jobs import Resolved
from reconciler.service.models import VIDEO_SUFFIX, Models
from reconciler.state.booked import Booking, Origin
from reconciler.state.excerpts import find_suffix


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes that have to lie in the service's storage before a request is sent."""

    at: str  # the pointer of the medium that they are, in the manifest
    # a file of the project, a result or an input of the store, or what is written out
    origin: Literal["file", "result", "input", "data"]
    digest: str  # SHA-256
    suffix: str  # ".mp4"
    reference: str = ""  # a file by its name in the project, or the data URI


@dataclass(frozen=True, slots=True)
class Work:
    """One job to be rendered or collected, for one or more edits.

    `request` is the body to send, with references where the URLs of `sources` will stand; None:
    nobody asks for the job any more, but it is paid.
    """

    job: Job
    edit: str
    model: str
    request: Mapping[str, Any] | None = None
    sources: tuple[Source, ...] = ()
    billable_s: float = 0.0
    attempt_id: str | None = None  # of a task in flight
    booking: Booking | None = None  # for whom, and at which price; of what may be sent
    loses: str | None = None  # an attempt that succeeded and whose result is lost: paid again
    after: str | None = None  # the newest attempt of the key that the plan knew of, and went past

    def to_json(self) -> dict[str, object]:
        """The work as plain data; `from_json` gives it back."""
        rest = asdict(replace(self, job=None))  # type: ignore[arg-type]
        return {**rest, "job": self.job.to_json()}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Work:
        """The work that `to_json` wrote."""
        fields: dict[str, Any] = dict(data)
        booking = fields["booking"]
        if booking is not None:
            booking = Booking(**{**booking, "origin": Origin(**booking["origin"])})
        fields["booking"] = booking
        fields["sources"] = tuple(Source(**source) for source in fields["sources"])
        fields["job"] = Job(**fields["job"])
        return cls(**fields)


def build_work(
    resolved: Resolved,
    models: Models,
    *,
    billable_s: float,
    booking: Booking,
    attempt_id: str | None,
    loses: str | None,
    after: str | None = None,
) -> Work:
    """The work on an edit whose job is known."""
    assert resolved.job is not None
    wanted = resolved.wanted
    texts = {
        input_.medium.at: parse_data_uri(input_.medium.reference.value).text
        for input_ in wanted.inputs
        if input_.medium.reference.kind == "data" and _takes_data_uri(wanted, input_)
    }
    return Work(
        job=resolved.job,
        edit=wanted.edit.name,
        model=wanted.edit.model,
        request=build_request(wanted, texts),
        sources=tuple(_list_sources(resolved, models)),
        billable_s=billable_s,
        attempt_id=attempt_id,
        booking=booking,
        loses=loses,
        after=after,
    )


def _list_sources(resolved: Resolved, models: Models) -> Iterator[Source]:
    wanted, upstream = resolved.wanted, resolved.upstream or {}
    for input_ in wanted.inputs:
        reference, at = input_.medium.reference, input_.medium.at
        if reference.kind == "local":
            # a project with a medium that could not be identified does not load
            assert input_.identity is not None
            digest = input_.identity.removeprefix("sha256:")
            yield Source(at, "file", digest, _find_suffix(input_), reference.value)
        elif reference.fragment:
            assert resolved.excerpts is not None
            suffix = find_suffix(reference.fragment)
            yield Source(at, "result", resolved.excerpts[reference.source].digest, suffix)
        elif reference.kind == "edit":
            result = upstream[reference.value]
            form = models.find_output_form(result.job)
            suffix = VIDEO_SUFFIX if form is None else form.suffix
            yield Source(at, "result", result.digest, suffix)
        elif reference.kind == "data" and not _takes_data_uri(wanted, input_):
            uri = parse_data_uri(reference.value)
            digest = hash_bytes(uri.content)
            yield Source(at, "data", digest, f".{uri.format}", reference.value)


def _find_suffix(file: Input) -> str:
    """How a file is named, by its own name, else by what it holds."""
    suffix = PurePosixPath(file.medium.reference.value).suffix
    return suffix or (f".{file.facts.format}" if file.facts is not None else "")


def _takes_data_uri(wanted: Wanted, input_: Input) -> bool:
    return wanted.model.media[input_.medium.limits].data_uri
