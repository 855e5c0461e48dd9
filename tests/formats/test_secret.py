"""What is taken out of a text before anybody reads it."""

from __future__ import annotations

import pytest

from reconciler.formats.secret import Secret, cut_secrets, find_secrets

ENVIRON = {
    "SLACK_URL": "https://hooks.example/T0/canary?x=canary",
    "MY_TOKEN": "abc",
    "HOME": "/root",
    "AUTH_MODE": "  ",
}


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("told https://hooks.example/T0/canary?x=canary of it", "told $SLACK_URL of it"),
        ("see https://u:canary@h/a?sig=canary#canary.", "see https://[removed]@h/a?[removed]"),
        ("Authorization: Bearer canary.canary", "Authorization: [removed] [removed]"),
        ('{"api_key": "canary"}', '{"api_key": [removed]"}'),
        ("the key sk-canary-1 and abc", "the key [key] and $MY_TOKEN"),
        ("nothing at /root", "nothing at /root"),
    ],
)
def test_secrets_are_cut(text: str, quiet: str) -> None:
    """Values of the environment by their names, and whatever looks like a secret."""
    assert cut_secrets(text, ENVIRON) == quiet


def test_secrets_of_an_environment() -> None:
    """Those whose names say so, and that hold anything."""
    assert {name: secret.reveal() for name, secret in find_secrets(ENVIRON).items()} == {
        "MY_TOKEN": "abc"
    }
    assert not Secret("")
