"""An order: the work on one key as plain data, for a worker that has no checkout. Whoever may write
to the database may have written one, so that it is checked as a stranger's before anything is done.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from reconciler.apply.work import Source, Work
from reconciler.config.settings import Limit, Prices
from reconciler.desired.job import Job
from reconciler.errors import CutlistError
from reconciler.formats.digest import DIGEST, digest_json
from reconciler.formats.names import is_plain
from reconciler.formats.records import build_record, parse_json
from reconciler.service.models import Models
from reconciler.state.booked import Booking, Origin

FORM = 1
MOST_BYTES = 4 << 20
_LONGEST = 400  # characters of a name
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_POINTER = re.compile(r"/input(/[A-Za-z0-9_~.-]{1,64}){1,8}")
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,8})?")


class OrderRefused(CutlistError):
    """An order that no worker carries out."""


@dataclass(frozen=True, slots=True)
class Order:
    """The work on one key, whose books it is written into, and what its day may cost."""

    project: str
    work: Work
    limits: tuple[Limit, ...] = ()
    prices: Prices = field(default_factory=Prices)

    def encode(self) -> bytes:
        """The order as it is handed on."""
        data = {
            "form": FORM,
            "project": self.project,
            "work": self.work.to_json(),
            "limits": [asdict(limit) for limit in self.limits],
            "prices": asdict(self.prices),
        }
        return json.dumps(data, sort_keys=True).encode()


def read_order(raw: bytes, models: Models) -> Order:
    """The order that `encode` wrote. Raises OrderRefused for anything else."""
    try:
        if len(raw) > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES >> 20} MiB")
        data = _object(parse_json(raw), "it")
        _require(data.get("form") == FORM, f"its form is not {FORM}, which this version reads")
        order = Order(
            _name(data.get("project"), "project"),
            _read_work(_object(data.get("work"), "work"), models),
            tuple(Limit(**_limit(each)) for each in _list(data.get("limits"))),
            _read_prices(_object(data.get("prices"), "prices")),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise OrderRefused(
            f"an order in the database cannot be carried out: {_say(error)}. Nothing was sent.",
            hint="Apply and workers must be of one version of cutlist; who else may write there?",
        ) from None
    return order


def _say(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _read_work(data: Mapping[str, Any], models: Models) -> Work:
    known = {each.name for each in fields(Work)}
    _require(data.keys() == known, "its work has other fields than it should have")
    job = _object(data["job"], "job")
    canonical = _object(job.get("canonical"), "job")
    key = job.get("key")
    _require(isinstance(key, str) and digest_json(canonical) == key, "its key is not its job's")
    model = data["model"]
    _require(isinstance(model, str) and model in models.by_name, "its model is none")
    _require(canonical.get("model") == model, "its model is not its job's")
    billable_s = data["billable_s"]
    _require(_is_amount(billable_s), "billable_s is no number of seconds")
    return Work(
        job=Job(str(key), canonical),
        edit=_name(data["edit"], "edit"),
        model=model,
        request=_read_request(data["request"], model),
        sources=tuple(_read_source(each) for each in _list(data["sources"])),
        billable_s=float(billable_s),
        booking=_read_booking(data["booking"]),
        **{name: _id(data[name], name) for name in ("attempt_id", "loses", "after")},
    )


def _read_request(data: Any, model: str) -> Mapping[str, Any] | None:
    if data is None:
        return None
    request = _object(data, "request")
    _require(request.get("model") == model, "its request is for another model")
    _object(request.get("input"), "request.input")
    return request


def _read_source(data: Any) -> Source:
    source = Source(**_plain_source(_object(data, "source")))
    _require(source.origin in ("input", "result"), "a source is neither an input nor a result")
    _require(DIGEST.fullmatch(source.digest) is not None, "a source's digest is none")
    _require(_POINTER.fullmatch(source.at) is not None, "a source stands nowhere in the request")
    _require(_SUFFIX.fullmatch(source.suffix) is not None, "a source's suffix is none")
    _require(not source.reference, "a source names a file")
    return source


def _plain_source(data: Mapping[str, Any]) -> dict[str, Any]:
    _require(data.keys() == {each.name for each in fields(Source)}, "a source has other fields")
    _require(all(isinstance(value, str) for value in data.values()), "a source is no text")
    return dict(data)


def _read_booking(data: Any) -> Booking | None:
    if data is None:
        return None
    booking = _object(data, "booking")
    _require(booking.keys() == {each.name for each in fields(Booking)}, "its booking is none")
    price, labels = booking["price_per_s"], _object(booking["labels"], "labels")
    _require(price is None or _is_amount(price), "its price is none")
    _require(all(isinstance(value, str) for value in labels.values()), "a label is no text")
    texts = {name: _text(booking[name], name) for name in ("environment", "model", "currency")}
    origin = build_record(Origin, dict(_object(booking["origin"], "origin")))
    return Booking(**texts, labels=labels, price_per_s=price, origin=origin)


def _read_prices(data: Mapping[str, Any]) -> Prices:
    models = _object(data.get("models"), "prices")
    for price in models.values():
        tiers = price.values() if isinstance(price, dict) else [price]
        _require(all(_is_amount(each) for each in tiers), "a price is none")
    return Prices(_text(data.get("currency"), "currency"), models)


def _limit(data: Any) -> dict[str, Any]:
    limit = dict(_object(data, "limit"))
    _require(limit.keys() == {each.name for each in fields(Limit)}, "a limit has other fields")
    _require(limit["per"] in ("apply", "day") and _is_amount(limit["amount"]), "a limit is none")
    for name in ("name", "file"):
        _text(limit[name], name)
    _require(limit["environment"] is None or _text(limit["environment"], "environment") != "", "")
    return limit


# ------------------------------------------------------------------ parts


def _require(holds: bool, words: str) -> None:
    if not holds:
        raise ValueError(words)


def _object(data: Any, name: str) -> Mapping[str, Any]:
    _require(isinstance(data, dict), f"{name} is no object")
    return data  # type: ignore[no-any-return]


def _list(data: Any) -> Sequence[Any]:
    _require(isinstance(data, list) and len(data) <= 100, "a list is none, or too long")
    return data  # type: ignore[no-any-return]


def _text(data: Any, name: str) -> str:
    _require(isinstance(data, str) and len(data) <= _LONGEST, f"{name} is no short text")
    return str(data)


def _name(data: Any, name: str) -> str:
    _require(_text(data, name) != "" and is_plain(data), f"{name} is no name")
    return str(data)


def _id(data: Any, name: str) -> str | None:
    _require(
        data is None or (isinstance(data, str) and _ID.fullmatch(data) is not None),
        f"{name} is no id of an attempt",
    )
    return data  # type: ignore[no-any-return]


def _is_amount(data: Any) -> bool:
    if isinstance(data, bool) or not isinstance(data, int | float):
        return False
    return math.isfinite(data) and 0 <= data < 1e9
