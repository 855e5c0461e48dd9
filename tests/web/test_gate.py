"""Who may look, and who may change something, as a table of requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import CutlistError, UsageError
from reconciler.formats.secret import Secret
from reconciler.web.auth import open_gate
from reconciler.web.gate import Knock, NotAdmitted, ProxyGate, TokenGate

TOKEN = "0123456789abcdef0123"
OWN = TokenGate([("ada", Secret(TOKEN))], "cutlist-8080", [8080])
TEAM = TokenGate([("ada", Secret(TOKEN)), ("bo", Secret(TOKEN[::-1]))], "cutlist")
PROXY = ProxyGate("10.0.0.9", "X-Forwarded-User")


def knock(method: str = "GET", *, with_cookie: bool = True, **headers: str) -> Knock:
    """A request from the page itself, with further headers in the place of its own."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {"host": "127.0.0.1:8080", **names}
    return Knock(method, "127.0.0.1", given, {"cutlist-8080": TOKEN} if with_cookie else {})


def refusal(gate: Any, asked: Knock) -> str:
    """The code of the refusal; empty for who is let in."""
    try:
        gate.admit(asked)
    except NotAdmitted as error:
        assert error.message and error.hint
        return error.code
    return ""


WRITE = {"origin": "http://127.0.0.1:8080", "sec_fetch_site": "same-origin"}
CASES: list[tuple[str, Knock, str]] = [
    ("the page reads", knock(), ""),
    ("by another name of this machine", knock(host="localhost:8080"), ""),
    ("and another", knock(host="[::1]:8080"), ""),
    ("a name that its owner has pointed here", knock(host="films.example:8080"), "foreign_host"),
    ("another port", knock(host="127.0.0.1:9090"), "foreign_host"),
    ("no port", knock(host="localhost"), "foreign_host"),
    ("no host", knock(host=""), "foreign_host"),
    ("what is no host", knock(host="[::1:8080"), "foreign_host"),
    ("the right token under a foreign name", knock(host="evil.example:8080"), "foreign_host"),
    ("nobody", knock(with_cookie=False), "no_token"),
    ("a wrong token", knock(with_cookie=False, authorization="Bearer nonsense"), "no_token"),
    ("a program", knock(with_cookie=False, authorization=f"Bearer {TOKEN}"), ""),
    ("a program writes", knock("POST", with_cookie=False, authorization=f"bearer {TOKEN}"), ""),
    ("the page writes", knock("POST", **WRITE), ""),
    ("an old browser writes", knock("POST", origin="http://127.0.0.1:8080"), ""),
    ("a form of another site", knock("POST", origin="https://evil.example"), "foreign_site"),
    ("of another port", knock("POST", origin="http://127.0.0.1:9090"), "foreign_site"),
    ("of nowhere", knock("POST", origin="null"), "foreign_site"),
    ("no origin", knock("POST"), "foreign_site"),
    ("what is no origin", knock("POST", origin="http://[::1"), "foreign_site"),
    ("said to be another site", knock("POST", **{**WRITE, "sec_fetch_site": "cross-site"}),
     "foreign_site"),
    ("another port of this machine reads", knock(sec_fetch_site="same-site"), "foreign_site"),
    ("a picture on another site", knock(sec_fetch_site="cross-site", sec_fetch_mode="no-cors",
     sec_fetch_dest="image"), "foreign_site"),
    ("a link somebody follows", knock(sec_fetch_site="cross-site", sec_fetch_mode="navigate",
     sec_fetch_dest="document"), ""),
    ("a frame on another site", knock(sec_fetch_site="cross-site", sec_fetch_mode="navigate",
     sec_fetch_dest="iframe"), "foreign_site"),
    ("a script of another site reads", knock(origin="https://evil.example"), "foreign_site"),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "code"), [case[1:] for case in CASES], ids=[c[0] for c in CASES])
def test_who_is_let_in_on_this_machine(asked: Knock, code: str) -> None:
    """The token, a name of this machine, and nothing that another site can make a browser do."""
    assert refusal(OWN, asked) == code


def test_token_in_an_address_opens_for_reading_only() -> None:
    """It is typed once, and then lies in the cookie; a form cannot bring it along."""
    asked = Knock("GET", "127.0.0.1", {"host": "127.0.0.1:8080"}, token=TOKEN)
    assert OWN.admit(asked) == "ada"
    assert OWN.find_cookie_token(asked) == TOKEN
    post = Knock(
        "POST", "127.0.0.1", asked.headers | {"origin": "http://127.0.0.1:8080"}, {}, TOKEN
    )
    assert refusal(OWN, post) == "no_token"
    assert OWN.find_cookie_token(Knock("GET", "127.0.0.1", {}, token="")) is None


def test_each_person_has_a_name() -> None:
    """Who says yes stands in the books, and a token is one person's."""
    for token, name in ((TOKEN, "ada"), (TOKEN[::-1], "bo")):
        asked = Knock("POST", "192.0.2.7", {"authorization": f"Bearer {token}", "host": "films"})
        assert TEAM.admit(asked) == name
    assert refusal(TEAM, Knock("GET", "192.0.2.7", {"host": "films"})) == "no_token"


def test_proxy_names_who_it_is() -> None:
    """Only the proxy is believed, and it has to name somebody."""
    named = {"host": "films.example", "x-forwarded-user": "ada\u202e\n"}
    assert PROXY.admit(Knock("GET", "10.0.0.9", named)) == "ada\ufffd"
    assert refusal(PROXY, Knock("GET", "10.0.0.8", named)) == "not_the_proxy"
    assert refusal(PROXY, Knock("GET", "10.0.0.9", {"host": "films.example"})) == "nobody_named"
    assert refusal(PROXY, Knock("POST", "10.0.0.9", named)) == "foreign_site"
    own = named | {"origin": "https://films.example"}
    assert refusal(PROXY, Knock("POST", "10.0.0.9", own)) == ""


def test_file_of_tokens_is_read(tmp_path: Path) -> None:
    """A line each; names may have blanks."""
    (tmp_path / "people").write_text(f"# the team\n\nAda Example {TOKEN}\n")
    gate = open_gate("tokens:people", tmp_path)
    asked = Knock("GET", "192.0.2.7", {"authorization": f"Bearer {TOKEN}"})
    assert gate.admit(asked) == "Ada Example"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ada short\n", "people:1"),
        (TOKEN, "people:1"),
        (f"ada {TOKEN}\nada {TOKEN}x\n", "people:2"),
        (f"ada {TOKEN}\nbo {TOKEN}\n", "people:2"),
        ("# nobody\n", "names nobody"),
        (b"\xff\xfe", "UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_bad_file_of_tokens_is_told(tmp_path: Path, text: str | bytes | None, words: str) -> None:
    """With its line, and without a token in the words."""
    if text is not None:
        (tmp_path / "people").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CutlistError, match=words) as caught:
        open_gate("tokens:people", tmp_path)
    assert caught.value.hint and TOKEN not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize(
    "text",
    ["", "everybody", "tokens:", "proxy:films.example,header=X", "proxy:10.0.0.9",
     "proxy:10.0.0.9,header=", "proxy:10.0.0.9,header=a b", "proxy:10.0.0.9,name=X"],
)  # fmt: skip
def test_other_ways_are_refused(tmp_path: Path, text: str) -> None:
    """Whoever mistypes it is told what is legal, and nothing is served."""
    with pytest.raises(UsageError, match="legal"):
        open_gate(text, tmp_path)
