"""The fields of an upload form, read from the first bytes of its body."""

from __future__ import annotations

import re
from email.message import Message
from typing import Any

from mockserver.recording.redaction import Redactor

HEAD_BYTES = 64 << 10  # of a form that are looked at: its fields come before its file
LARGEST_FIELD = 4 << 10  # characters of a field that is kept
_NAME = re.compile(rb'(?i)content-disposition:[^\r\n]*?[; ]name="([^"\r\n]{1,100})"')


def describe_form(
    content_type: str, head: bytes, size_bytes: int, redactor: Redactor
) -> dict[str, Any]:
    """What a recording keeps of a form: its fields without secrets, and how large it was.

    The file itself, its name and its type are not among them.
    """
    fields: dict[str, str] = {}
    for name, value in _split_fields(content_type, head):
        if name == "file":
            break
        is_object_key = redactor.rules.lists("object_keys", name)
        text = value.decode("utf-8", "replace")[:LARGEST_FIELD]
        fields[name] = (
            redactor.redact_object_key(text) if is_object_key else redactor.redact(text, name)
        )
    return {"form": fields, "size_bytes": size_bytes}


def _split_fields(content_type: str, head: bytes) -> list[tuple[str, bytes]]:
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not boundary:
        return []
    fields = []
    for part in head.split(b"--" + boundary.encode("utf-8", "replace"))[1:]:
        headers, _, value = part.partition(b"\r\n\r\n")
        if name := _NAME.search(headers):
            fields.append((name[1].decode("utf-8", "replace"), value.removesuffix(b"\r\n")))
    return fields
