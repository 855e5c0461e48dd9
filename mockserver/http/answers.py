"""Answers as the service writes them: documents, errors of the task API and of object storage."""

from __future__ import annotations

import functools
from email.utils import formatdate
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import hdrs, web

from mockserver.digest import encode_compact
from mockserver.errors import ApiError, ObjectError
from mockserver.http.visit import VISIT

JSON = {hdrs.CONTENT_TYPE: "application/json;charset=utf-8"}


def build_answer(document: dict[str, Any]) -> web.Response:
    """A 200 of the task API: the document and the id of the request that is being answered."""
    return _build_json(200, {"request_id": VISIT.get().request_id, **document})


def build_api_error(error: ApiError, request_id: str) -> web.Response:
    """An error of the task API (API reference: top level code, message, request_id)."""
    document = {"code": error.code, "message": error.message, "request_id": request_id}
    return _build_json(error.status, document)


def build_object_error(error: ObjectError, request_id: str, host: str) -> web.Response:
    """An error of the object storage, as XML."""
    fields = {"Code": error.code, "Message": error.message, "RequestId": request_id, "HostId": host}
    inner = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in fields.items())
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error>{inner}</Error>'
    return web.Response(status=error.status, text=text, content_type="application/xml")


@functools.lru_cache(maxsize=4)
def format_http_date(second: int) -> str:
    """A time, in seconds since 1970, as the Date header has it."""
    return formatdate(second, usegmt=True)


def _build_json(status: int, document: dict[str, Any]) -> web.Response:
    return web.Response(status=status, body=encode_compact(document), headers=JSON)
