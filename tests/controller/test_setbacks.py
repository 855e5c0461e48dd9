"""What the service refused is remembered as long as somebody asks for it."""

from __future__ import annotations

from tests.controller.stage import Stage
from tests.e2e.bench import CREATE, Trouble, answer


async def test_a_commit_that_changes_the_request_ends_the_setback(stage: Stage) -> None:
    """Once the edit asks for something else, all is well: nothing speaks of what it asked for
    before, and nothing of it is kept.
    """
    stage.edit("rain", "a dragon")
    stage.push()
    stage.network.trouble = [
        Trouble(*CREATE, answer(400, code="InvalidParameter", message="no such clip"))
    ]
    await stage.run()
    assert stage.describe() == ("False", "EditsFailed")
    stage.edit("rain", "a lizard")
    stage.push()
    await stage.run()
    assert stage.describe() == ("True", "Applied")
