"""docs/gitops.md is a session that was had: it is had again."""

from __future__ import annotations

import shutil

import pytest

from tests.docs.gitops import Session
from tests.docs.pages import text
from tests.docs.transcripts import matches


def test_the_afternoon_goes_as_the_page_says(tmp_path_factory: pytest.TempPathFactory) -> None:
    """From an empty repository to a merged, rendered, priced change, and what comes after."""
    folder = tmp_path_factory.mktemp("day")  # short: the path of a socket has about 100 characters
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed: the session of docs/gitops.md is not had")
    with Session(folder) as session:
        for what, shown, printed in session.follow(text("docs/gitops.md")):
            assert matches(shown, printed), f"{what}\n{printed}"
