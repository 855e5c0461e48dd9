"""The project file and the environment → Config: who wins, what is live, what is never shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.config import Config, Variables, find_root, load_config
from reconciler.config.variables import read_secret
from reconciler.errors import CutlistError, InvalidInput, ProjectNotFound, UsageError
from reconciler.formats.bucket_address import BucketAddress
from reconciler.formats.hosts import is_loopback
from reconciler.formats.secret import Secret
from reconciler.system.shipped import read_schema

HEAD = "apiVersion: cutlist/v1\nkind: Project\n"


def load(folder: Path, spec: str = "{}", *, endpoint: str | None = None, **environ: str) -> Config:
    """The Config of a project file with this `spec`."""
    (folder / "cutlist.yaml").write_text(f"{HEAD}spec: {spec}\n")
    return load_config(folder, endpoint=endpoint, variables=Variables.read(environ))


def test_nothing_said(tmp_path: Path) -> None:
    """An empty project is offline, in the mock's realm, with no price, no budget and no
    real key.
    """
    made = load(tmp_path, DASHSCOPE_API_KEY="sk-real")
    assert (made.endpoint.name, made.realm, made.endpoint.region, made.endpoint.bundled) == (
        "mock",
        "mock",
        None,
        True,
    )
    assert (made.manifests, made.account, made.prices.per_second("wan2.7-videoedit", "720P")) == (
        ("specs/",),
        "default",
        None,
    )
    assert made.api_key.reveal() == "sk-mock"
    assert made.store_dir == made.state_dir == tmp_path / ".cutlist" / "mock"


@pytest.mark.parametrize(
    ("option", "variable", "file", "chosen"),
    [
        (None, "", "{}", "mock"),
        (None, "", "{endpoint: beijing}", "beijing"),
        (None, "singapore", "{endpoint: beijing}", "singapore"),
        ("mock", "singapore", "{endpoint: beijing}", "mock"),
        (None, "  ", "{endpoint: beijing}", "beijing"),
    ],
)
def test_who_wins(
    tmp_path: Path, option: str | None, variable: str, file: str, chosen: str
) -> None:
    """The command line wins over CUTLIST_ENDPOINT, which wins over the project file."""
    assert load(tmp_path, file, endpoint=option, CUTLIST_ENDPOINT=variable).endpoint.name == chosen


@pytest.mark.parametrize(
    ("spec", "url", "realm", "region"),
    [
        (
            "{endpoint: singapore}",
            "https://dashscope-intl.aliyuncs.com/api/v1",
            "live",
            "singapore",
        ),
        (
            "{endpoint: singapore, workspace: ws-1}",
            "https://ws-1.ap-southeast-1.maas.aliyuncs.com/api/v1",
            "live",
            "singapore",
        ),
        (
            "{endpoint: beijing, workspace: ws-1}",
            "https://ws-1.cn-beijing.maas.aliyuncs.com/api/v1",
            "live",
            "beijing",
        ),
        (
            '{endpoint: "https://dashscope.aliyuncs.com/api/v1"}',
            "https://dashscope.aliyuncs.com/api/v1",
            "live",
            "beijing",
        ),
        (
            '{endpoint: "https://DASHSCOPE.aliyuncs.com/api/v1/"}',
            "https://dashscope.aliyuncs.com/api/v1",
            "live",
            "beijing",
        ),
        (
            '{endpoint: "https://x.ap-southeast-1.maas.aliyuncs.com"}',
            "https://x.ap-southeast-1.maas.aliyuncs.com/api/v1",
            "live",
            "singapore",
        ),
        (
            '{endpoint: "https://proxy.example.com/api/v1", realm: mock}',
            "https://proxy.example.com/api/v1",
            "mock",
            None,
        ),
        (
            '{endpoint: "https://proxy.example.com/api/v1"}',
            "https://proxy.example.com/api/v1",
            "live",
            None,
        ),
        ('{endpoint: "http://127.0.0.1:8080"}', "http://127.0.0.1:8080/api/v1", "mock", None),
        ('{endpoint: "http://[::1]:8080/api/v1"}', "http://[::1]:8080/api/v1", "mock", None),
    ],
)
def test_endpoints(tmp_path: Path, spec: str, url: str, realm: str, region: str | None) -> None:
    """The vendor's hosts are live however they are written; any other is unless the project says
    mock, or it is this machine.
    """
    made = load(tmp_path, spec)
    assert (made.endpoint.base_url, made.realm, made.endpoint.region) == (url, realm, region)
    assert made.store_dir == tmp_path / ".cutlist" / realm


@pytest.mark.parametrize(
    "endpoint",
    ["shanghai", "http://example.com/api/v1", "ftp://example.com", "https://", "https://e.com?a=b"],
)
def test_wrong_endpoint_on_the_command_line(tmp_path: Path, endpoint: str) -> None:
    """It is a slip of the command line (64), told with what is legal, and not a fault of the
    project file.
    """
    with pytest.raises(
        UsageError, match=r"--endpoint is .*legal are mock, singapore, beijing, or a URL"
    ) as told:
        load(tmp_path, endpoint=endpoint)
    assert told.value.exit_code == 64


def test_keys(tmp_path: Path) -> None:
    """The bundled server never gets a real key; a loopback server gets the one that is set, or the
    mock's.
    """
    url = "http://localhost:8080/api/v1"
    assert load(tmp_path, endpoint=url, DASHSCOPE_API_KEY=" sk-real ").api_key.reveal() == "sk-real"
    assert load(tmp_path, endpoint=url).api_key.reveal() == "sk-mock"
    assert not load(tmp_path, endpoint="singapore").api_key


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    """No repr and no text of a Config or an Environment holds the key."""
    made = load(tmp_path, endpoint="singapore", DASHSCOPE_API_KEY="sk-real")
    env = Variables.read({"DASHSCOPE_API_KEY": "sk-real"})
    assert (
        "sk-real" not in f"{made!r} {made} {env!r} {env} {Secret('sk-real')} {Secret('sk-real')!r}"
    )


def test_prices(tmp_path: Path) -> None:
    """A price is of a model, or of a model and its tier; what is not named has none."""
    prices = load(
        tmp_path,
        "{prices: {currency: USD, models: {wan2.7-videoedit: {720P: 0.1}, wan2.1-vace-plus: 0.2}}}",
    ).prices
    assert [prices.per_second("wan2.7-videoedit", each) for each in ("720P", "1080P", None)] == [
        0.1,
        None,
        None,
    ]
    assert [
        prices.per_second("wan2.1-vace-plus", None),
        prices.per_second("wanx2.1-vace-plus", None),
    ] == [0.2, None]


def test_stores(tmp_path: Path) -> None:
    """The store lies in the project, or where CUTLIST_STORE says; the ledger stays where the
    project is.
    """
    inside = load(tmp_path, "{store: films}")
    assert (inside.store_dir, inside.state_dir) == (
        tmp_path / "films" / "mock",
        tmp_path / ".cutlist" / "mock",
    )
    outside = load(tmp_path, "{store: films}", CUTLIST_STORE=str(tmp_path.parent / "shared"))
    assert (outside.store_dir, outside.state_dir) == (
        tmp_path.parent / "shared" / "mock",
        tmp_path / ".cutlist" / "mock",
    )


def test_buckets(tmp_path: Path) -> None:
    """A store may be a bucket, in the project file or in CUTLIST_STORE, which wins; each realm has
    its place in it, and the ledger stays where the project is.
    """
    named = load(tmp_path, "{store: 's3://films/a/b/', cache: 1.5GiB}")
    assert named.bucket == BucketAddress("s3", "films", "a/b/mock")
    assert (named.most_copied_bytes, named.state_dir) == (3 << 29, tmp_path / ".cutlist" / "mock")
    elsewhere = "s3://other?endpoint=https://oss.example&region=eu-1&style=virtual"
    won = load(tmp_path, "{store: 's3://films/a'}", CUTLIST_STORE=elsewhere).bucket
    assert won == BucketAddress("s3", "other", "mock", "https://oss.example", "eu-1", virtual=True)
    assert load(tmp_path, "{store: 'gs://films'}").bucket == BucketAddress("gs", "films", "mock")
    assert load(tmp_path, "{store: 'az://films/x?account=us'}").bucket == BucketAddress(
        "az", "films", "x/mock", account="us"
    )
    assert load(tmp_path, "{store: 's3://films'}", CUTLIST_STORE="/srv/films").bucket is None
    assert load(tmp_path, "{}").bucket is None
    assert load(tmp_path, "{}").most_copied_bytes == 20 << 30


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("s3://AKIA:hush@films/a", "a user or a password"),
        ("s3://hush@films/a", "a user or a password"),
        ("s3://films?aws_secret_access_key=hush", "Keys never stand in an address"),
        ("s3://films?endpoint=https://me:hush@oss.example", "a user or a password"),
        ("gs://films?key=hush", "Keys never stand in an address"),
        ("https://films.example/a?X-Amz-Signature=hush", "a bucket is named by s3://"),
        ("s3://films?endpoint=http://oss.example", "must be https"),
        ("s3://films?endpoint=https://oss.example/hush", "its endpoint is a host"),
        ("s3://films?endpoint=https://[", "no address"),
        ("s3://films?region=eu-1&region=hush", "twice"),
        ("s3://films?region=hush%20", "no name"),
        ("s3://films?style=hush", "path or virtual"),
        ("s3://films#hush", "'#'"),
        ("s3:///hush", "the name of the bucket"),
        ("s3://films/../hush", "the place in the bucket"),
        ("s3://films/a b/hush", "the place in the bucket"),
        ("s3://films/%2e%2e/hush", "the place in the bucket"),
        ("s3://[hush", "no address"),
    ],
)
def test_addresses_that_are_none(tmp_path: Path, address: str, words: str) -> None:
    """Refused with the place and a word for what is wrong; what stands there is not repeated, since
    it may be a key.
    """
    with pytest.raises(InvalidInput) as refused:
        load(tmp_path, f"{{store: {address!r}}}")
    (fault,) = refused.value.faults
    assert words in fault.message
    assert (fault.place.file, "hush" in str(fault)) == ("cutlist.yaml", False)
    with pytest.raises(UsageError) as told:
        load(tmp_path, "{}", CUTLIST_STORE=address)
    assert words in str(told.value)
    assert "hush" not in f"{told.value} {told.value.hint}"


def test_a_bound_that_is_none(tmp_path: Path) -> None:
    """The bound of copies wants its unit."""
    with pytest.raises(InvalidInput, match="such as 20GiB"):
        load(tmp_path, "{cache: '20'}")


def test_settling_is_short_on_loopback(tmp_path: Path) -> None:
    """A lost answer is waited for 120 s at the service, 2 s on this machine, or as long as the
    project says.
    """
    assert [
        load(tmp_path, endpoint=each).settle_s
        for each in ("singapore", "mock", "http://127.0.0.1:1/api/v1")
    ] == [
        120.0,
        2.0,
        2.0,
    ]
    assert load(tmp_path, "{limits: {settle_s: 30}}", endpoint="singapore").settle_s == 30


def test_nearest_project_upwards(tmp_path: Path) -> None:
    """The project is the nearest folder upwards with a cutlist.yaml; without one the message says
    how to begin.
    """
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    with pytest.raises(ProjectNotFound) as told:
        find_root(below)
    assert "cutlist init" in told.value.hint
    (tmp_path / "cutlist.yaml").touch()
    assert find_root(below) == tmp_path
    (tmp_path / "a" / "cutlist.yaml").touch()
    assert find_root(below) == tmp_path / "a"


def test_unreadable_project_file(tmp_path: Path) -> None:
    """A project file that is too large or not UTF-8 is refused, not half read."""
    (tmp_path / "cutlist.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="not UTF-8"):
        load_config(tmp_path, variables=Variables())
    (tmp_path / "cutlist.yaml").unlink()
    with pytest.raises(CutlistError):
        load_config(tmp_path, variables=Variables())


@pytest.mark.parametrize(
    ("host", "here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
        ("", False),
    ],
)
def test_loopback(host: str, here: bool) -> None:
    """Only this very machine is loopback: elsewhere a key does not travel unencrypted."""
    assert is_loopback(host) is here


def test_a_named_secret() -> None:
    """What is not set, or not named, is an empty secret; what is set shows nowhere."""
    environ = {"SLACK_URL": " https://hooks.example/T0 \n"}
    assert read_secret("SLACK_URL", environ).reveal() == "https://hooks.example/T0"
    assert not read_secret("OTHER", environ)
    assert not read_secret("", {"": "x"})
    assert "hooks" not in repr(read_secret("SLACK_URL", environ))


def test_what_stands_beside_the_overlays_is_named_so(tmp_path: Path) -> None:
    """A field of the project in an overlay is no slip of the pen: it is said where it stands, of
    each such field.
    """
    spec = read_schema("project")["properties"]["spec"]["properties"]
    overlay = spec["environments"]["additionalProperties"]
    assert set(overlay["x-elsewhere"]) == set(spec) - set(overlay["properties"])
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, "{environments: {draft: {models: [models/*.yaml]}}}")
    (fault,) = caught.value.faults
    assert "environments.draft takes no field models: `models` stands in spec alone" in str(fault)
