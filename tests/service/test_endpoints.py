"""Whether an address costs money: it does, unless it is this machine or the project file says
otherwise.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import Config, Variables, load_config
from reconciler.errors import InvalidInput, UsageError
from reconciler.formats.hosts import is_loopback
from reconciler.service.endpoints import find_realm, is_vendor
from reconciler.state.ledger import SqliteLedger
from reconciler.state.observed import Attempt, State
from reconciler.system import shipped
from tests.workspace import Workspace

HEAD = "apiVersion: cutlist/v1\nkind: Project\n"
OWN = "https://films.example.com/api/v1"
VENDOR = (
    "dashscope.aliyuncs.com",
    "dashscope-intl.aliyuncs.com",
    "dashscope-us.aliyuncs.com",
    "dashscope-finance.aliyuncs.com",
    "cn-hongkong.dashscope.aliyuncs.com",
    "vpc-cn-beijing.dashscope.aliyuncs.com",
    "ws-1.cn-beijing.maas.aliyuncs.com",
    "ws-1.us-east-1.maas.aliyuncs.com",
    "ws-1.eu-central-1.maas.aliyuncs.com",
    "trial.ap-northeast-1.maas.aliyuncs.com",
    "a-name-of-next-year.aliyuncs.com",
    "aliyuncs.com",
    "bailian.aliyun.com",
    "modelstudio.console.alibabacloud.com",
)
SPELLINGS = (
    "https://{}",
    "https://{}/",
    "https://{}./api/v1",
    "https://{}:8443/x",
    "https://{}:443",
)


def load(folder: Path, spec: str = "{}", *, endpoint: str | None = None, **environ: str) -> Config:
    """The Config of a project file with this `spec`."""
    (folder / "cutlist.yaml").write_text(f"{HEAD}spec: {spec}\n")
    return load_config(folder, endpoint=endpoint, variables=Variables.read(environ))


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("host", VENDOR)
def test_the_vendors_hosts_are_live(tmp_path: Path, host: str, spelling: str) -> None:
    """Every host under a domain of the vendor costs money, however it is spelt and whoever names
    it.
    """
    for name in (host, host.upper()):
        url = spelling.format(name)
        assert load(tmp_path, f'{{endpoint: "{url}"}}').realm == "live"
        assert load(tmp_path, endpoint=url).realm == "live"
        assert load(tmp_path, CUTLIST_ENDPOINT=url).realm == "live"
        assert find_realm(url, {"endpoint": url, "realm": "mock"}) == "live"


def test_a_host_of_the_vendor_cannot_be_called_a_mock(tmp_path: Path) -> None:
    """`realm: mock` beside a host of the vendor is a fault with its place; `realm: live` says what
    is so.
    """
    url = "https://ws-1.eu-central-1.maas.aliyuncs.com/api/v1"
    with pytest.raises(InvalidInput) as told:
        load(tmp_path, f'{{endpoint: "{url}", realm: mock}}')
    (fault,) = told.value.faults
    assert (fault.place.file, fault.place.line) == ("cutlist.yaml", 3)
    assert "it is a host of the vendor, and live" in fault.message
    assert load(tmp_path, f'{{endpoint: "{url}", realm: live}}').realm == "live"
    for name in ("mock", "singapore"):
        with pytest.raises(InvalidInput, match="the realm of"):
            load(tmp_path, f"{{endpoint: {name}, realm: live}}")


@pytest.mark.parametrize(
    "host",
    [
        "aliyuncs.com.evil.example",
        "notaliyuncs.com",
        "dashscope-aliyuncs.com",
        "xn--liyuncs-9za.com",
        "10.0.0.7",
        "host.docker.internal",
        "127.0.0.1.evil.example",
        "localhost.example.com",
        "0.0.0.0",
        "[::]",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
    ],
)
def test_any_other_host_is_live_until_the_project_says_mock(tmp_path: Path, host: str) -> None:
    """A stranger's host may cost money: it does not become a mock by not being known."""
    url = f"https://{host}/api/v1"
    assert not is_vendor(host)
    assert load(tmp_path, f'{{endpoint: "{url}"}}').realm == "live"
    assert load(tmp_path, endpoint=url).realm == "live"
    assert load(tmp_path, f'{{endpoint: "{url}", realm: mock}}').realm == "mock"
    assert load(tmp_path, f'{{endpoint: "{url}", realm: live}}').realm == "live"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_this_machine_is_a_mock_until_the_project_says_live(tmp_path: Path, host: str) -> None:
    """What listens here is a server under test, in every spelling that no other machine
    answers to.
    """
    url = f"http://{host}:8080/api/v1"
    made = load(tmp_path, endpoint=url)
    assert (made.realm, made.endpoint.loopback) == ("mock", True)
    assert load(tmp_path, f'{{endpoint: "{url}"}}').realm == "mock"
    assert load(tmp_path, f'{{endpoint: "{url}", realm: live}}').realm == "live"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.1/api/v1", "no address as people write it; for this machine write 127.0.0.1"),
        ("https://127.1/api/v1", "no address as people write it"),
        ("https://2130706433/api/v1", "no address as people write it"),
        ("https://0x7f.0.0.1/api/v1", "no address as people write it"),
        ("https://0177.0.0.1/api/v1", "no address as people write it"),
        ("http://0.0.0.0:8080/api/v1", "must not travel unencrypted"),
        ("http://localhost.example.com/api/v1", "must not travel unencrypted"),
        ("https://dashscope.аliyuncs.com/api/v1", "beyond ASCII"),
        ("https://dashscope.ａliyuncs.com/api/v1", "beyond ASCII"),
        ("https://dashscope。aliyuncs.com/api/v1", "beyond ASCII"),
        ("https://dashscope%2ealiyuncs.com/api/v1", "no name and no address"),
        ("https://127.0.0.1\\@dashscope.aliyuncs.com/api/v1", "a backslash"),
        ("https://127.0.0.1 .aliyuncs.com/api/v1", "blanks"),
        ("https://dash\tscope.aliyuncs.com/api/v1", "control characters"),
        ("https://127.0.0.1@dashscope.aliyuncs.com/api/v1", "a user name"),
        ("https://@dashscope.aliyuncs.com/api/v1", "a user name"),
        ("https://dashscope..aliyuncs.com/api/v1", "no name and no address"),
        ("https://e.com:99999/api/v1", "ort"),
    ],
)
def test_odd_spellings_are_refused(tmp_path: Path, url: str, why: str) -> None:
    """What two programs could read as two hosts is no endpoint, from the command line and
    the file.
    """
    with pytest.raises(UsageError) as told:
        load(tmp_path, endpoint=url)
    assert why in told.value.message and told.value.exit_code == 64
    escaped = url.replace("\\", "\\\\").replace("\t", "\\t")
    for more in ("", ", realm: mock"):
        with pytest.raises(InvalidInput) as refused:
            load(tmp_path, f'{{endpoint: "{escaped}"{more}}}')
        assert why in str(refused.value.faults[0])


@pytest.mark.parametrize(
    ("named", "realm"),
    [
        (OWN, "mock"),
        ("https://FILMS.example.com.:443/other/path", "mock"),  # the same origin
        ("https://films.example.com:8443/api/v1", "live"),
        ("https://other.example.com/api/v1", "live"),
        ("https://films.example.com.evil.example/api/v1", "live"),
        ("singapore", "live"),
        ("mock", "mock"),
    ],
)
def test_realm_speaks_of_the_origin_of_the_file(tmp_path: Path, named: str, realm: str) -> None:
    """`realm: mock` makes a mock of the origin that the project file names, and of no other."""
    spec = f'{{endpoint: "{OWN}", realm: mock}}'
    assert load(tmp_path, spec, endpoint=named).realm == realm
    assert load(tmp_path, spec, CUTLIST_ENDPOINT=named).realm == realm


def test_a_live_server_here_is_live_for_the_option_too(tmp_path: Path) -> None:
    """Who names the project's own live server in an option reaches the same realm as without it."""
    url = "http://127.0.0.1:8080/api/v1"
    spec = f'{{endpoint: "{url}", realm: live}}'
    assert load(tmp_path, spec, endpoint="http://localhost:8080").realm == "live"
    assert load(tmp_path, spec, endpoint="http://localhost:8081").realm == "mock"


@pytest.mark.parametrize(
    ("endpoint", "host", "region"),
    [
        ("beijing", "dashscope.aliyuncs.com", "beijing"),
        ("beijing, workspace: ws-1", "ws-1.cn-beijing.maas.aliyuncs.com", "beijing"),
        ("singapore, workspace: ws-1", "ws-1.ap-southeast-1.maas.aliyuncs.com", "singapore"),
        (
            "'https://ws-1.cn-beijing.maas.aliyuncs.com'",
            "ws-1.cn-beijing.maas.aliyuncs.com",
            "beijing",
        ),
        ("'https://WS-1.us-east-1.maas.aliyuncs.com.'", "ws-1.us-east-1.maas.aliyuncs.com", None),
        (
            "'https://cn-hongkong.dashscope.aliyuncs.com'",
            "cn-hongkong.dashscope.aliyuncs.com",
            None,
        ),
    ],
)
def test_regions(tmp_path: Path, endpoint: str, host: str, region: str | None) -> None:
    """A workspace has its own host in both regions; a host tells its region where that is known."""
    made = load(tmp_path, f"{{endpoint: {endpoint}}}").endpoint
    url = f"https://{host}/api/v1"
    assert (made.base_url, made.region, made.vendor, made.realm) == (url, region, True, "live")


@pytest.mark.parametrize(
    "workspace", ["ws.evil.example/", "a b", "-ws", "ws-", "w@x", "w:80", "ws\\n", "x" * 64, "é"]
)
def test_a_workspace_is_one_label_of_a_host_name(tmp_path: Path, workspace: str) -> None:
    """The workspace becomes part of the host that gets the key: nothing but a label may stand
    there.
    """
    with pytest.raises(InvalidInput) as told:
        load(tmp_path, f'{{endpoint: beijing, workspace: "{workspace}"}}')
    assert told.value.faults[0].place.line == 3


def test_every_region_has_both_hosts() -> None:
    """A region of the data file is complete, and all its hosts are the vendor's."""
    for name, region in shipped.read_service()["regions"].items():
        for at in ("base_url", "workspace_base_url"):
            assert find_realm(region[at].format(workspace="ws-1"), {}) == "live", (name, at)


@pytest.mark.parametrize(
    "host", ["127.0.0.1 ", "", "example.com", "0.0.0.0", "127.1", "::ffff:8.8.8.8"]
)
def test_not_this_machine(host: str) -> None:
    """What is not surely this machine is not."""
    assert not is_loopback(host)


# ------------------------------------------------------------------ as people meet it


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://ws.cn-beijing.maas.aliyuncs.com/api/v1",
        "https://dashscope-us.aliyuncs.com/api/v1",
        "https://cn-hongkong.dashscope.aliyuncs.com/api/v1",
        "https://films.example.com/api/v1",
    ],
)
def test_a_plan_for_such_a_host_is_about_money(
    workspace: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    """The plan says live and no word of a mock; without a terminal nothing is sent unasked."""
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-real")
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    plan = workspace.run("plan", "--endpoint", endpoint)
    assert "realm live" in plan.out and "mock" not in plan.out
    applied = workspace.run("apply", "--endpoint", endpoint)
    assert applied.code != 0 and "--auto-approve" in applied.err + applied.out
    assert not (workspace.root / ".cutlist/mock").exists()


def test_a_region_that_is_not_known_warns_once(workspace: Workspace, media: Path) -> None:
    """Where nobody can know whether a model is offered, it is not refused: one warning a model."""
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    workspace.edit("snow")
    plan = workspace.run("plan", "--endpoint", "https://dashscope-us.aliyuncs.com/api/v1")
    assert plan.code == 0
    assert (
        " ".join(plan.out.split()).count("not known here whether wan2.7-videoedit is offered") == 1
    )
    known = workspace.run("plan", "--endpoint", "https://ws.cn-beijing.maas.aliyuncs.com/api/v1")
    assert "not known here" not in known.out


def test_what_was_paid_at_a_host_that_was_taken_for_a_mock(
    workspace: Workspace, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier version kept requests to a newer host of the vendor among the mock's: they are not
    paid again, and once they are moved they are found.
    """
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-real")
    url = "https://dashscope-us.aliyuncs.com/api/v1"
    workspace.take(media, "ok.mp4")
    workspace.edit("rain")
    assert "in .cutlist/mock" not in workspace.run("plan", "--endpoint", url).out
    attempt = Attempt("a", "0" * 64, "lane", "rain", State.INTENT, url, created_at=1.0)
    job = {"v": 1, "model": "wan2.7-videoedit", "input": {}, "parameters": {}, "take": 1}
    ledger = SqliteLedger.open(workspace.root / ".cutlist/mock/ledger.db")
    ledger.intend(attempt, request_sha256="", prompt=None, job=job, server_time=None)
    ledger.close()
    told = " ".join(workspace.run("plan", "--endpoint", url).out.split())
    assert "1 request to https://dashscope-us.aliyuncs.com/api/v1 stands in .cutlist/mock" in told
    applied = workspace.run("apply", "--auto-approve", "--endpoint", url)
    assert applied.code == 1 and "Move .cutlist/mock to .cutlist/live" in applied.err
    (workspace.root / ".cutlist/mock").rename(workspace.root / ".cutlist/live")
    moved = workspace.run("plan", "--endpoint", url).out
    assert "in .cutlist/mock" not in moved and "rain is not asked for like this here" in moved
