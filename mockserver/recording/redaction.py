"""Takes out of an exchange what no stranger may see, and puts stand-ins in its place.

Equal things get equal stand-ins, numbered as they come, so that one still sees which belongs to
which. What may stay and what must go is data: `recording.yaml` and `signatures.yaml` in `schemas/`.
"""

from __future__ import annotations

import base64
import functools
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from mockserver.catalogue import Doc, find_schemas_folder, read_data_file

REMOVED = "removed"
LEAST_SECRET = 6  # characters of a text that is looked for elsewhere
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}:/{2,}[^\s\"'<>\\^`{|}，。；、）」]+")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20}):/{2}")
_DATA_URI = re.compile(r"(?i)data:([\w.+/-]{0,60})[^,\s]{0,200},[^\s\"'<>]*")
_UUID = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])")
_HEX = re.compile(r"(?i)(?<![0-9a-z])[0-9a-f]{24,64}(?![0-9a-z])")
_IP = re.compile(r"(?<![\d.])(\d{1,3}\.){3}\d{1,3}(?![\d.])")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(\.[\w-]{1,63})+")
_ELEMENT = re.compile(r"<(\w{1,60})>([^<>]*)</\1>")  # of XML, with text alone
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}$")


@dataclass(frozen=True)
class Rules:
    """What stays and what goes, as the data files say it."""

    document: Doc
    secret_names: frozenset[str]  # normalised
    secret_endings: tuple[str, ...]  # in small letters
    query_names: frozenset[str]  # of links that are signed, in small letters
    hosts: re.Pattern[str]  # names of the vendor's hosts

    def is_secret(self, name: str) -> bool:
        """Whether the text of a field of this name must go."""
        plain = normalise(name)
        return plain in self.secret_names or any(
            text.endswith(self.secret_endings) for text in (plain, name.lower())
        )

    def lists(self, part: str, name: str) -> bool:
        """Whether a list of the data file names a field."""
        return normalise(name) in self.document[part]


def normalise(name: str) -> str:
    """A name of a field in small letters, without what joins its words."""
    return name.lower().replace("-", "").replace("_", "")


@functools.cache
def load_rules() -> Rules:
    """Read the rules from the data files."""
    folder = find_schemas_folder()
    document = read_data_file(folder / "recording.yaml")
    signatures = read_data_file(folder / "signatures.yaml")
    suspects, providers = signatures["suspects"], signatures["providers"]
    names = {name for item in providers for name in (*item["marks"], *item.get("also", ()))}
    domains = read_data_file(folder / "service.yaml")["vendor_domains"]
    ends = "|".join(map(re.escape, domains))
    return Rules(
        document=document,
        secret_names=frozenset(map(normalise, (*suspects["names"], *document["secret_names"]))),
        secret_endings=tuple(suspects["endings"]),
        query_names=frozenset(names | set(suspects["names"])),
        hosts=re.compile(rf"(?i)(?<![\w.-])[\w.-]{{1,200}}\.(?:{ends})(?![\w-])"),
    )


class Redactor:
    """Replaces by stand-ins, and remembers them: one for each recording, or for each request.

    `keys` holds the keys that were sent, and `removed` every other text that was taken out because
    of what its field is called. With `keep_ids`, ids stay as they are.
    """

    def __init__(self, *, keep_ids: bool = False) -> None:
        self._keep_ids = keep_ids
        self.rules = load_rules()
        self._numbers: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self.keys: set[str] = set()
        self.removed: set[str] = set()
        self._accounts: dict[str, str] = {}
        self._odd_links: dict[str, str] = {}  # whose ends cannot be told within a text

    def redact(self, value: Any, name: str = "") -> Any:
        """A JSON value in which what must go is replaced; `name` is that of its field."""
        if isinstance(value, dict):
            return {self._redact_text(key): self.redact(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [self.redact(item, name) for item in value]
        if isinstance(value, int) and not isinstance(value, bool):
            is_account = self.rules.lists("account_names", name)
            return int(self._replace_account(str(value))) if is_account else value
        return self._redact_field(value, name) if isinstance(value, str) else value

    def redact_document(self, text: str) -> str:
        """A body that is no JSON: the elements of XML by their names, and the rest as text."""
        text = _ELEMENT.sub(
            lambda match: f"<{match[1]}>{self._redact_field(match[2], match[1])}</{match[1]}>", text
        )
        return self._redact_text(text)

    def redact_query(self, query: Mapping[str, str]) -> dict[str, str]:
        """The query of a request."""
        return {self._redact_text(key): self._redact_field(query[key], key) for key in query}

    def redact_path(self, path: str) -> str:
        """The path of a request."""
        return self._redact_text(path)

    def redact_authorization(self, value: str) -> str:
        """An Authorization header: whether it was a bearer's, and which of them."""
        scheme, _, key = value.strip().partition(" ")
        self.keys.add(key or scheme)
        number = self._count("key", key or scheme)
        return f"Bearer key-{number}" if scheme.lower() == "bearer" and key else f"key-{number}"

    def _redact_field(self, text: str, name: str) -> str:
        if not text:
            return text
        if self.rules.is_secret(name):
            self._remember(text)
            return REMOVED
        if self.rules.lists("account_names", name):
            return self._replace_account(text)
        if self.rules.lists("upload_folders", name):
            self._remember(text)
            return f"upload-{self._count('folder', text)}"
        if name.lower().endswith(("url", "urls")) and text[:5].lower() != "data:":
            return self._redact_link(text)
        return self._redact_text(text)

    def _redact_link(self, text: str) -> str:
        """The whole of a field that is to hold a link, whatever it holds."""
        match = _SCHEME.match(text)
        if match is None:
            suffix = _SUFFIX.search(text)
            stand_in = f"file-{self._count('path', text)}{suffix.group() if suffix else ''}"
        else:
            stand_in = self._build_link(match[1].lower(), text)
        if _URL.fullmatch(text) is None and len(text) >= LEAST_SECRET:
            self._odd_links[text] = stand_in
        return stand_in

    def redact_object_key(self, key: str) -> str:
        """The name of an object in the storage."""
        folder, _, file = key.rpartition("/")
        suffix = _SUFFIX.search(file)
        number = self._count("file", key)
        folder_number = self._count("folder", folder)
        return f"upload-{folder_number}/file-{number}{suffix.group() if suffix else ''}"

    def _redact_text(self, text: str) -> str:
        """A text in which addresses, ids and what says who it is are replaced."""
        text = _DATA_URI.sub(self._replace_data_uri, text)
        kept: list[str] = []

        def keep(replace: Callable[[re.Match[str]], str]) -> Callable[[re.Match[str]], str]:
            """Put a mark in place of a stand-in, so that nothing later looks into it."""

            def put(match: re.Match[str]) -> str:
                kept.append(replace(match))
                return f"\0{len(kept) - 1}\0"

            return put

        text = text.replace("\0", " ")
        for link in sorted(self._odd_links, key=len, reverse=True):
            if link in text:
                pattern = rf"(?<![\w/.:-]){re.escape(link)}"
                text = re.sub(pattern, keep(lambda match: self._odd_links[match[0]]), text)
        text = _URL.sub(keep(self._replace_url), text)
        text = _MAIL.sub(keep(lambda match: f"person-{self._count('mail', match[0])}"), text)
        text = self.rules.hosts.sub(keep(self._replace_host), text)
        if not self._keep_ids:
            text = _UUID.sub(self._replace_uuid, text)
            text = _HEX.sub(lambda match: f"{self._count('id', match[0]):0{len(match[0])}x}", text)
        text = _IP.sub(lambda match: f"192.0.2.{self._count('ip', match[0]) % 256}", text)
        for account, stand_in in self._accounts.items():
            text = text.replace(account, stand_in)
        return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], text)

    # ---- stand-ins

    def _replace_url(self, match: re.Match[str]) -> str:
        whole = match[0]
        text = whole.rstrip(".,;:!?)]")
        return self._build_link(text.partition(":")[0].lower(), text) + whole[len(text) :]

    def _build_link(self, scheme: str, text: str) -> str:
        if scheme == "oss":
            return f"oss://{self.redact_object_key(text.partition('://')[2])}"
        try:
            parts = urlsplit(text)
            place, query = f"{parts.netloc}{parts.path}", parse_qsl(parts.query)
        except ValueError:
            place, query, parts = text, [], urlsplit("")
        suffix = _SUFFIX.search(unquote(parts.path))
        file = f"/file{suffix.group()}" if suffix else ("/file" if parts.path.strip("/") else "")
        names = [name for name, _ in query if name.lower() in self.rules.query_names]
        signed = "&".join(f"{name}={REMOVED}" for name in names)
        number = self._count("address", place)
        return f"{scheme}://address-{number}.example{file}{'?' if signed else ''}{signed}"

    def _replace_host(self, match: re.Match[str]) -> str:
        return f"address-{self._count('address', match[0])}.example"

    def _replace_data_uri(self, match: re.Match[str]) -> str:
        number = self._count("medium", match[0])
        text = base64.b64encode(f"{match[1].lower()} {number}".encode()).decode()
        return f"data:{match[1]};base64,{text}"

    def _replace_uuid(self, match: re.Match[str]) -> str:
        return f"00000000-0000-4000-8000-{self._count('id', match[0].lower()):012x}"

    def _replace_account(self, text: str) -> str:
        number = self._count("account", text)
        stand_in = str(10 ** (len(text) - 1) + number) if text.isdecimal() else f"account-{number}"
        if len(text) >= LEAST_SECRET:
            self._accounts[text] = stand_in
        if text != stand_in:
            self._remember(text)
        return stand_in

    def _remember(self, text: str) -> None:
        if len(text) >= LEAST_SECRET:
            self.removed.add(text)

    def _count(self, kind: str, text: str) -> int:
        """The number of a thing among those of its kind: 1 for the first that came."""
        numbers = self._numbers[kind]
        return numbers.setdefault(text, len(numbers) + 1)
