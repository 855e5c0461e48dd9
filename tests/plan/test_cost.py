"""Billable seconds and prices, by model, function, cut and input."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.plan.step import FREE, Action, Cost, Plan, add_up_costs
from reconciler.service.model_files import load_models
from tests.making import (
    find_step,
    make_chain,
    make_desired,
    make_edit,
    make_observed,
    make_plan,
    make_result,
    make_vace,
)

REMOTE = {"type": "video", "url": "https://example.com/clip.mp4"}
LOCAL = {"type": "video", "url": "./clip.mp4"}


def cost(made: Plan, name: str = "film") -> Cost:
    return find_step(made, name).cost


@pytest.mark.parametrize(
    ("media", "parameters", "length", "seconds", "price", "unknown"),
    [
        ([LOCAL], {"resolution": "720P"}, 5.02, 10.04, 1.004, 0),
        ([LOCAL], {"resolution": "1080P"}, 5.02, 10.04, 1.506, 0),
        ([LOCAL], {}, 5.02, 10.04, 1.506, 0),
        ([LOCAL], {"resolution": "720P", "duration": 0}, 5.02, 10.04, 1.004, 0),
        ([LOCAL], {"resolution": "720P", "duration": 3}, 5.02, 6.0, 0.6, 0),
        ([LOCAL], {"resolution": "720P", "duration": 10}, 5.02, 10.04, 1.004, 0),
        (
            [LOCAL, {"type": "reference_image", "url": "./hat.png"}],
            {"resolution": "720P"},
            5.0,
            10.0,
            1.0,
            0,
        ),
        (
            [{"type": "reference_image", "url": "./hat.png"}, LOCAL],
            {"resolution": "720P"},
            5.0,
            10.0,
            1.0,
            0,
        ),
        ([REMOTE], {"resolution": "720P"}, 0.0, 20.0, 2.0, 1),
        ([REMOTE], {"resolution": "720P", "duration": 4}, 0.0, 8.0, 0.8, 1),
        (
            [{"type": "video", "url": "oss://bucket/clip.mp4"}],
            {"resolution": "720P"},
            0.0,
            20.0,
            2.0,
            1,
        ),
    ],
    ids=[
        "720P",
        "1080P",
        "default tier",
        "duration 0",
        "cut",
        "cut beyond the end",
        "images are free",
        "image first",
        "remote: at most",
        "remote, cut",
        "uploaded: at most",
    ],
)
def test_wan(
    media: Any,
    parameters: dict[str, Any],
    length: float,
    seconds: float,
    price: float,
    unknown: int,
) -> None:
    """wan2.7 bills input plus output, both as long as the input is cut to; an unknown length counts
    as the longest.
    """
    asked = make_desired(
        make_edit("film", input={"prompt": "Make it blue", "media": media}, parameters=parameters),
        lengths={"./clip.mp4": length},
    )
    assert cost(make_plan(asked, make_observed(asked))) == Cost(seconds, price, unknown)


@pytest.mark.parametrize(
    ("function", "input_", "length", "seconds", "unknown"),
    [
        ("image_reference", {"ref_images_url": ["./a.png"]}, 0.0, 5.0, 0),
        ("video_repainting", {"video_url": "./clip.mp4"}, 3.2, 3.2, 0),
        ("video_repainting", {"video_url": "https://example.com/a.mp4"}, 0.0, 5.0, 1),
        ("video_edit", {"video_url": "./clip.mp4", "mask_image_url": "./mask.png"}, 4.0, 4.0, 0),
        ("video_edit", {"video_url": "./clip.mp4", "mask_video_url": "./mask.mp4"}, 4.0, 4.0, 0),
        ("video_edit", {"video_url": "./clip.mp4", "mask_image_url": "./mask.png"}, 30.0, 5.0, 0),
        (
            "video_edit",
            {"video_url": "https://example.com/a.mp4", "mask_video_url": "./mask.mp4"},
            0.0,
            5.0,
            1,
        ),
        ("video_extension", {"first_clip_url": "./clip.mp4"}, 2.0, 5.0, 0),
        ("video_extension", {"first_clip_url": "https://example.com/a.mp4"}, 0.0, 5.0, 0),
        ("video_extension", {"last_frame_url": "./a.png"}, 0.0, 5.0, 0),
        ("video_outpainting", {"video_url": "./clip.mp4"}, 2.5, 2.5, 0),
    ],
)
def test_vace(
    function: str, input_: dict[str, Any], length: float, seconds: float, unknown: int
) -> None:
    """VACE bills its output: five seconds, or as long as the input up to five; a mask or an image
    sets no length.
    """
    asked = make_desired(
        make_vace("film", function, **input_), lengths={"./clip.mp4": length, "./mask.mp4": 1.0}
    )
    assert cost(make_plan(asked, make_observed(asked))) == Cost(
        seconds, round(seconds * 0.2, 4), unknown
    )


def test_a_chain_counts_what_comes_before() -> None:
    """An edit of an edit is as long as that one's output: estimated while it is not there, measured
    when it is.
    """
    first = make_edit("a", input={"prompt": "Make it blue", "media": [REMOTE]})
    asked = make_desired(
        first,
        make_chain("b", "a"),
        make_chain("c", "b", parameters={"resolution": "720P", "duration": 2}),
    )
    made = make_plan(asked, make_observed(asked))
    assert [cost(made, name).billable_s for name in "abc"] == [20.0, 20.0, 4.0]
    assert made.total(Action.RENDER, Action.WAIT) == Cost(44.0, 4.4, 1)
    made = make_plan(asked, make_observed(asked, results=[make_result(first, duration_s=3.0)]))
    assert [cost(made, name).billable_s for name in "bc"] == [6.0, 4.0]


NONE_FOR = "`prices` of cutlist.yaml names none for wan2.7-videoedit 720P"


def test_without_a_price() -> None:
    """Seconds are known without prices; a sum with an unknown price in it is unknown, not
    too low.
    """
    asked = make_desired(
        make_edit("film"), make_vace("other", "image_reference", ref_images_url=["./a.png"])
    )
    assert cost(make_plan(asked, make_observed(asked), prices=False)) == Cost(
        4.0, None, why=NONE_FOR
    )
    made = make_plan(asked, make_observed(asked))
    assert made.total(Action.RENDER) == Cost(9.0, 1.4)
    both = add_up_costs([Cost(4.0, 0.4), Cost(5.0, None, why="why")])
    assert both == Cost(9.0, None, why="why", priced_part=0.4)
    assert both.known_price == 0.4
    assert add_up_costs([]) == FREE


def test_what_costs_nothing() -> None:
    """What is in the store is free to write and to keep."""
    asked = make_desired(make_edit("film"))
    made = make_plan(asked, make_observed(asked, results=[make_result(make_edit("film"))]))
    assert (cost(made), made.total(*Action)) == (FREE, FREE)


@pytest.mark.parametrize(
    ("usage", "seconds"),
    [
        (
            {
                "duration": 10.04,
                "input_video_duration": 5.02,
                "output_video_duration": 5.02,
                "SR": 720,
            },
            10.04,
        ),
        ({"video_count": 1, "video_duration": 5}, 5.0),
        ({"duration": 0, "video_duration": 5}, 5.0),
        ({"duration": True}, 0.0),
        ({"duration": "5"}, 0.0),
        ({}, 0.0),
    ],
)
def test_what_the_service_billed(usage: dict[str, Any], seconds: float) -> None:
    """The bill is read from `usage`, whichever of its two shapes it has; nonsense is no bill."""
    assert load_models().read_billed_seconds(usage) == seconds


@pytest.mark.parametrize(
    ("model", "media", "parameters", "seconds", "unknown"),
    [
        ("wan2.7-i2v", [("first_frame", "./a.png")], {}, 5.0, 0),
        ("wan2.7-i2v", [("first_clip", "./clip.mp4")], {"duration": 12}, 12.0, 0),
        ("wan2.7-i2v", [("first_clip", "https://example.com/a.mp4")], {"duration": 12}, 12.0, 0),
        ("wan2.7-r2v", [("reference_image", "./a.png")], {"duration": 7}, 7.0, 0),
        ("wan2.7-r2v", [("reference_video", "./clip.mp4")], {}, 9.0, 0),
        ("wan2.7-r2v", [("reference_video", "./clip.mp4")] * 2, {"duration": 10}, 15.0, 0),
        ("wan2.7-r2v", [("reference_video", "https://example.com/a.mp4")], {}, 10.0, 1),
        ("happyhorse-1.0-video-edit", [("video", "./clip.mp4")], {}, 8.0, 0),
        ("happyhorse-1.0-video-edit", [("video", "./long.mp4")], {}, 30.0, 0),
        ("happyhorse-1.0-video-edit", [("video", "https://example.com/a.mp4")], {}, 30.0, 1),
    ],
)
def test_newer_models(
    model: str,
    media: list[tuple[str, str]],
    parameters: dict[str, Any],
    seconds: float,
    unknown: int,
) -> None:
    """A continued clip is not billed, of reference videos 5 s are, of a long edit 15 s on each
    side; what nobody can know is counted at the most that is used.
    """
    listed = [{"type": role, "url": url} for role, url in media]
    edit = make_edit(
        "film", model=model, input={"prompt": "Go on", "media": listed}, parameters=parameters
    )
    asked = make_desired(edit, lengths={"./clip.mp4": 4.0, "./long.mp4": 40.0})
    found = cost(make_plan(asked, make_observed(asked)))
    assert (found.billable_s, found.unknown_inputs) == (seconds, unknown)
