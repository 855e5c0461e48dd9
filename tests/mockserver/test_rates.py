"""Requests per second, regions, workspaces, and the headers of an answer."""

import pytest

from mockserver import Account, ApiKey, ServerError
from mockserver.server import MockServer

OVER = {
    "code": "Throttling.RateQuota",
    "message": "Requests rate limit exceeded, please try again later.",
}
ABROAD = (
    Account(
        "here",
        "1",
        (ApiKey("1", "sk-here"), ApiKey("2", "sk-here-too")),
        "singapore",
        ("ws-1", "ws-2"),
    ),
    Account("there", "2", (ApiKey("3", "sk-there"),), "beijing"),
    Account("anywhere", "3", (ApiKey("4", "sk-any"),)),
)


def codes(answers):
    return [answer.status_code for answer in answers]


async def test_without_the_limits_any_number_passes(api):
    """The default: tests on a clock that stands still send everything at one instant."""
    assert codes([await api.get("/tasks") for _ in range(40)]) == [200] * 40


@pytest.mark.parametrize(("model", "most"), [("wan", 5), ("vace", 2)])
async def test_submits_per_second_and_model(serve, model, most):
    """429 with the documented words beyond the model's rate; a second later there is room again;
    nothing was made.
    """
    async with serve(rate_limits=True) as api:
        body = (
            api.wan()
            if model == "wan"
            else api.vace("video_outpainting", video_url="https://e.com/1.mp4")
        )
        answers = [await api.post(body) for _ in range(most + 2)]
        assert codes(answers) == [200] * most + [429, 429]
        refused = answers[-1].json()
        assert {name: refused[name] for name in OVER} == OVER
        assert len(api.server.bill()["tasks"]) == most
        assert api.server.journal()["requests"][-1]["code"] == "Throttling.RateQuota"
        api.clock.advance(1)
        assert (await api.post(body)).status_code == 200
        other = (
            api.vace("video_outpainting", video_url="https://e.com/1.mp4")
            if model == "wan"
            else api.wan()
        )
        assert (await api.post(other)).status_code == 200


@pytest.mark.parametrize(
    ("path", "params", "most"),
    [
        ("/tasks", {}, 20),
        ("/tasks/x", {}, 20),
        ("/uploads", {"action": "getPolicy", "model": "wan2.7-videoedit"}, 100),
    ],
)
async def test_queries_per_second_and_account(serve, path, params, most):
    """Fetch and list 20, policies 100, each on its own, by all keys of an account together."""
    accounts = (Account("a", "1", (ApiKey("1", "sk-a"), ApiKey("2", "sk-a2"))), *ABROAD[2:])
    async with serve(rate_limits=True, accounts=accounts) as api:
        answers = [await api.get(path, ("sk-a", "sk-a2")[i % 2], **params) for i in range(most + 1)]
        assert codes(answers) == [200] * most + [429]
        assert (await api.get(path, "sk-any", **params)).status_code == 200
        assert (await api.cancel("x", "sk-a")).status_code == 400  # another kind of request


async def test_the_limits_are_switched_by_the_controls(api):
    """POST /_mock/rates; GET tells the figures."""
    assert (await api.mock("POST", "rates", json={"enforced": True})).json()["enforced"] is True
    assert codes([await api.get("/tasks") for _ in range(21)])[-1] == 429
    await api.mock("POST", "rates", json={"enforced": False})
    assert (await api.get("/tasks")).status_code == 200
    rates = (await api.mock("GET", "rates")).json()["rates"]
    assert (rates["fetch_per_s"], rates["submits_per_s"]["wan2.7-videoedit"]) == (20, 5)
    assert (await api.mock("POST", "rates", json={"enforced": 1})).status_code == 400


async def test_a_key_of_another_region_is_no_key(serve):
    """401 InvalidApiKey at a server of one region; an account without a region is at home
    everywhere.
    """
    async with serve(accounts=ABROAD, region="singapore") as api:
        answers = {key: await api.get("/tasks", key) for key in ("sk-here", "sk-there", "sk-any")}
        assert codes(answers.values()) == [200, 401, 200]
        assert answers["sk-there"].json()["message"] == "Invalid API-key provided."
    async with serve(accounts=ABROAD) as api:
        assert codes([await api.get("/tasks", key) for key in ("sk-here", "sk-there")]) == [
            200,
            200,
        ]


async def test_model_names_and_list_follow_the_region(serve):
    """wanx2.1-vace-plus is Beijing's; the server's region counts for accounts without one."""
    for region, allowed, region_id in (
        ("singapore", 400, "ap-southeast-1"),
        ("beijing", 200, "cn-beijing"),
    ):
        async with serve(accounts=ABROAD, region=region) as api:
            body = {
                **api.vace("video_outpainting", video_url="https://e.com/1.mp4"),
                "model": "wanx2.1-vace-plus",
            }
            assert (await api.post(body, "sk-any")).status_code == allowed
            await api.create(api.wan(), key="sk-any")
            assert (await api.get("/tasks", "sk-any")).json()["data"][0]["region"] == region_id
    with pytest.raises(ServerError, match="region is one of singapore, beijing"):
        MockServer(region="mars")


async def test_workspaces(serve):
    """403 Workspace.AccessDenied for one that the account does not have; without any of its own it
    takes all.
    """
    async with serve(accounts=ABROAD) as api:
        answers = []
        for key, workspace in (("sk-here", "ws-2"), ("sk-here", "ws-9"), ("sk-any", "ws-9")):
            answers.append(await api.post(api.wan(), key, **{"X-DashScope-WorkSpace": workspace}))
    assert codes(answers) == [200, 403, 200]
    assert (answers[1].json()["code"], answers[1].json()["message"]) == (
        "Workspace.AccessDenied",
        "Workspace access denied.",
    )


async def test_headers_of_an_answer(api):
    """The gateway's, in milliseconds of the server's time; the id is that of the body."""
    answer = await api.get("/tasks")
    assert answer.headers["x-request-id"] == answer.json()["request_id"]
    assert answer.headers["x-dashscope-call-gateway"] == "true"
    assert answer.headers["req-arrive-time"] == answer.headers["resp-start-time"] == "1767225600000"
    assert answer.headers["req-cost-time"] == "0"
    assert answer.headers["date"] == "Thu, 01 Jan 2026 00:00:00 GMT"
