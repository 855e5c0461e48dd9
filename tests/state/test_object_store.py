"""What a store in a bucket does beside its promises: its index, its copies here, bytes that went
bad there, and a service that says no.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import httpx
import pytest

from reconciler.errors import CutlistError, StoreDamaged, StoreUnavailable
from reconciler.formats.bucket_address import BucketAddress
from reconciler.formats.digest import encode_canonical
from reconciler.state.store import bucket, copies
from reconciler.state.store import index as index_module
from reconciler.state.store.bucket import StorageBucket
from reconciler.state.store.copies import Copies
from reconciler.state.store.objects import ObjectStore
from reconciler.state.store.packs import Packs, make_line
from tests import making
from tests.bucketserver import ACCESS, BucketServer
from tests.clock import FakeClock
from tests.making import make_digest
from tests.state.stores import open_bucket, put

Open = Callable[[str], ObjectStore]


@pytest.fixture
def address(bucket_server: BucketServer) -> BucketAddress:
    """An empty place in a bucket."""
    return bucket_server.make_bucket()


@pytest.fixture
def open_at(address: BucketAddress, tmp_path: Path, clock: FakeClock) -> Open:
    """Opens the place as a machine of that name sees it."""
    return lambda machine: open_bucket(address, tmp_path / machine, clock)


@pytest.fixture
def fold_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three recent results are many."""
    monkeypatch.setattr(index_module, "FOLD_AT", 3)


# ------------------------------------------------------------------ the index


def test_another_machine_sees_it(open_at: Open, tmp_path: Path) -> None:
    """What one has stored, another finds and brings home."""
    film = put(open_at("one"))
    two = open_at("two")
    assert two.find_results([film.key]) == ({film.key: [film]}, [])
    two.copy_out(film.digest, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == b"video"


def test_recent_results_are_folded(
    open_at: Open, address: BucketAddress, bucket_server: BucketServer, fold_early: None
) -> None:
    """Many recent results become packs: a pack for each first digit, no marker stays, and every
    question is answered as before, on this machine and on a new one.
    """
    one = open_at("one")
    films = [put(one, f"{n}", key=f"{n % 2}{n:063}", edit=f"edit-{n}") for n in range(4)]
    before = one.read_all_results()
    one.sweep()
    names = bucket_server.list(address, "index/")
    assert sorted(name.split("/")[2] for name in names) == ["0", "1"]
    for store in (one, open_at("two")):
        assert store.read_all_results() == before
        assert store.find_stored([films[1].digest, "f" * 64]) == {films[1].digest}
        assert store.find_rendered_for(["edit-3"]) == {"edit-3": [films[3]]}
        (found,) = store.find_results([films[2].key]).results[films[2].key]
        assert dict(found.job) == films[2].job
    late = put(one, "late", key="1" + "a" * 63)
    assert len(open_at("three").read_all_results().results) == 5
    assert list(open_at("four").verify(read_data=True)) == []
    assert open_at("five").find_results([late.key]).results == {late.key: [late]}


def test_folded_while_somebody_looks(open_at: Open, fold_early: None) -> None:
    """A pack that is gone between listing and reading has become another, which is read then."""
    one, two = open_at("one"), open_at("two")
    films = [put(one, f"{n}", key=f"0{n:063}") for n in range(3)]
    one.sweep()
    assert two.find_results(["0" + "f" * 63]).results == {}  # has listed the pack
    more = [put(one, f"{n}", key=f"0{n:063}") for n in range(3, 6)]
    one.sweep()
    for path in two._copies.folder.rglob("*"):
        if path.is_file():
            path.unlink()
    two._index._packs.forget()
    assert two.find_results([films[0].key]).results == {films[0].key: [films[0]]}
    assert two.find_results([more[0].key]).results == {more[0].key: [more[0]]}


def test_two_fold_at_once(open_at: Open, address: BucketAddress, fold_early: None) -> None:
    """Who folds by an older listing loses nothing of what another has folded."""
    one, two = open_at("one"), open_at("two")
    films = [put(one, f"{n}", key=f"{n:064}") for n in range(3)]
    index = two._index
    listing = index._list()
    raw = index._read_records(listing.recent)
    one.sweep()
    extra = put(one, "extra", key="0" * 63 + "9")
    lines = [make_line(name, content) for name, content in raw.items() if content]
    index._replace("0", lines[:2], [])  # an older pack of a part comes late
    everything = {result.key: [result] for result in (*films, extra)}
    assert open_at("three").read_all_results().results == everything
    for n in range(10, 13):
        put(one, f"{n}", key=f"{n:064}")
    one.sweep()
    assert len(list(StorageBucket(address).list("index"))) == 1
    assert len(open_at("four").read_all_results().results) == 7


def test_killed_before_the_index_knows(
    open_at: Open, address: BucketAddress, bucket_server: BucketServer
) -> None:
    """A record whose marker is missing is no result of a plan yet; but who is about to pay finds
    it, and puts it into the index.
    """
    film = put(open_at("one"))
    (marker,) = bucket_server.list(address, "index/")
    bucket_server.hurt(address, marker, None)
    two = open_at("two")
    assert two.find_results([film.key]).results == {}
    (damage,) = two.verify(read_data=False)
    assert "is not in the index" in damage.words
    assert two.find_first(film.key) == film
    assert two.find_results([film.key]).results == {film.key: [film]}
    assert list(two.verify(read_data=True)) == []


def test_a_name_too_long_for_its_facts(open_at: Open) -> None:
    """Where a record's facts do not fit into a name, they are read from the record."""
    author = "".join(make_digest(str(n)) for n in range(20))
    film = put(open_at("one"), author=author)
    assert open_at("two").find_results([film.key]).results == {film.key: [film]}


def test_no_part_of_a_name_is_longer_than_a_file_has(
    open_at: Open, address: BucketAddress, bucket_server: BucketServer
) -> None:
    """Services that keep objects as files take 255 bytes between two slashes."""
    author = "".join(make_digest(str(n)) for n in range(5))
    film = put(open_at("one"), author=author)
    (marker,) = bucket_server.list(address, "index/recent/")
    assert len(marker) > 255 >= max(map(len, marker.split("/")))
    assert open_at("two").find_results([film.key]).results == {film.key: [film]}
    open_at("two").remove([film])
    assert bucket_server.list(address, "index/recent/") == {}


# ------------------------------------------------------------------ requests


def test_a_pass_in_a_fresh_clone_asks_little(
    open_at: Open, address: BucketAddress, bucket_server: BucketServer, clock: FakeClock
) -> None:
    """1,000 keys against many results, on a machine that knows nothing: at most 25 requests, and
    one the next time. No number of results changes that: packs are as many as there are digits.
    """
    edit = making.make_edit("film")
    base = asdict(making.make_result(edit))
    packs = Packs(
        StorageBucket(address), Copies(Path(open_at("maker")._copies.folder), 1 << 30, clock)
    )
    keys = [make_digest(f"key {n}") for n in range(4000)]
    lines: dict[str, list[bytes]] = {digit: [] for digit in index_module.SHARDS}
    for key in keys:
        record = encode_canonical({**base, "key": key})
        lines[key[0]].append(f"{key}.{base['digest']} ".encode() + record)
    for digit, several in lines.items():
        packs.write(digit, several)
    maker = open_at("maker")
    recent = [put(maker, key=make_digest(f"new {n}")).key for n in range(20)]
    asked = {*keys[:980], *recent}

    bucket_server.requests.clear()
    fresh = open_at("fresh")
    assert fresh.find_results(asked).results.keys() == asked
    fresh.remember()
    assert len(bucket_server.requests) <= 25
    bucket_server.requests.clear()
    again = open_at("fresh")
    assert again.find_results(asked).results.keys() == asked
    assert len(bucket_server.requests) == 1


def test_asked_by_keys_it_reads_no_record(open_at: Open, bucket_server: BucketServer) -> None:
    """Facts of a recent result come with the listing; its record is read when somebody asks for
    its parts.
    """
    one = open_at("one")
    films = [put(one, f"{n}", key=f"{n:064}") for n in range(5)]
    bucket_server.requests.clear()
    found = open_at("two").find_results([film.key for film in films]).results
    assert [method.split(" ")[0] for method in bucket_server.requests] == ["GET"]
    assert dict(found[films[0].key][0].job) == films[0].job
    assert len(bucket_server.requests) == 2


# ------------------------------------------------------------------ bytes that went bad


def test_a_blob_with_other_bytes(
    open_at: Open, address: BucketAddress, bucket_server: BucketServer, tmp_path: Path
) -> None:
    """It never reaches an output, nor the copies of this machine."""
    film = put(open_at("one"))
    bucket_server.hurt(address, f"blobs/{film.digest[:2]}/{film.digest}", b"other")
    two, target = open_at("two"), tmp_path / "film.mp4"
    target.write_bytes(b"as it was")
    with pytest.raises(StoreDamaged, match="no longer has the bytes"):
        two.copy_out(film.digest, target)
    assert target.read_bytes() == b"as it was"
    assert [path for path in two._copies.folder.rglob("*") if path.is_file()] == []
    assert two.find_first(film.key) is None


def test_a_copy_that_went_bad(open_at: Open, tmp_path: Path) -> None:
    """A copy of this machine is hashed each time it is read, and fetched again when it is not the
    blob's.
    """
    store = open_at("one")
    film = put(store)
    copy = store._copies.folder / film.digest[:2] / film.digest
    copy.chmod(0o600)
    copy.write_bytes(b"vide0")
    store.copy_out(film.digest, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == copy.read_bytes() == b"video"


def test_copies_are_bounded(
    address: BucketAddress, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copies that were not used for the longest time go first; the bucket keeps all."""
    monkeypatch.setattr(copies, "_LATELY", 1)
    store = open_bucket(address, tmp_path, clock, most_bytes=300)
    films = [put(store, str(n) * 100, key=f"{n:064}") for n in range(6)]
    there = [path for path in store._copies.folder.rglob("*") if path.is_file()]
    assert {path.name for path in there} == {film.digest for film in films[3:]}
    for film in films:
        store.check_blob(film.digest)


def test_nothing_behind_a_link_is_removed(
    address: BucketAddress, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the folder of copies, or one in it, is a link to something else, making room removes
    nothing there; nor does it anywhere what is named otherwise.
    """
    monkeypatch.setattr(copies, "_LATELY", 1)
    precious = tmp_path / "blobs" / "00" / ("0" * 64)
    precious.parent.mkdir(parents=True)
    precious.write_bytes(bytes(1000))
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "copies").symlink_to(tmp_path / "blobs")
    (tmp_path / "two" / "copies").mkdir(parents=True)
    (tmp_path / "two" / "copies" / "00").symlink_to(precious.parent)
    other = tmp_path / "two" / "copies" / "ab" / "notes.txt"
    other.parent.mkdir()
    other.write_bytes(bytes(1000))
    for machine in ("one", "two"):
        store = open_bucket(address, tmp_path / machine, clock, most_bytes=1)
        for content in ("a", "b"):
            put(store, content)
    assert (precious.stat().st_size, other.stat().st_size) == (1000, 1000)


def test_a_machine_that_keeps_nothing(
    open_at: Open, tmp_path: Path, fold_early: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no copy can be written, plans are made all the same."""
    one = open_at("one")
    films = [put(one, f"{n}", key=f"{n:064}") for n in range(3)]
    one.sweep()
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "copies").write_text("no folder")
    found = open_at("two").find_results([film.key for film in films]).results
    assert found == {film.key: [film] for film in films}


def test_verify_and_repair(
    open_at: Open, address: BucketAddress, bucket_server: BucketServer, fold_early: None
) -> None:
    """Each kind of damage is named with its place, and repaired: what is bad lies in quarantine,
    and the rest is answered as before.
    """
    one = open_at("one")
    films = [put(one, f"{n}", key=f"{n}{n:063}") for n in range(6)]
    one.sweep()
    (pack,) = list(bucket_server.list(address, "index/packs/5"))
    bucket_server.hurt(address, f"blobs/{films[0].digest[:2]}/{films[0].digest}", None)
    bucket_server.hurt(address, f"blobs/{films[1].digest[:2]}/{films[1].digest}", b"!")
    bucket_server.hurt(address, _place(films[2]), b"{")
    bucket_server.hurt(address, _place(films[3]), None)
    bucket_server.hurt(address, pack, b"!")
    two = open_at("two")
    with pytest.raises(StoreDamaged, match="the bytes it is named for"):
        two.find_results([films[5].key])
    damages = [damage for damage in two.verify(read_data=True) if damage.where]
    words = "\n".join(damage.words for damage in damages)
    for what in ("missing or cut short", "other bytes", "cannot be read", "which is not there"):
        assert what in words
    assert "the bytes it is named for" in words
    assert all(str(address) in str(damage.where) for damage in damages)
    for damage in damages:
        two.quarantine(damage)
    after = list(open_at("three").verify(read_data=True))
    assert [damage.words[:8] for damage in after] == ["the blob"]  # of what has no bytes any more
    two.quarantine(after[0])
    three = open_at("four")
    assert list(three.verify(read_data=True)) == []
    assert three.read_all_results().results.keys() == {films[4].key, films[5].key}
    assert len(bucket_server.list(address, "quarantine/")) >= 4


def _place(result: making.Result) -> str:
    return f"results/{result.key[:2]}/{result.key}.{result.digest}.json"


# ------------------------------------------------------------------ a service that says no


@pytest.mark.parametrize("right", ["list", "get", "put", "delete"])
def test_a_right_that_is_missing(
    right: str, open_at: Open, address: BucketAddress, bucket_server: BucketServer
) -> None:
    """One sentence that names the store and what it does not allow; no key, no signature."""
    store = open_at("one")
    film = put(store)
    bucket_server.refused = {right}
    acts: dict[str, Callable[[], object]] = {
        "list": store.read_all_results,
        "get": lambda: open_at("two").check_blob(film.digest),
        "put": lambda: put(store, "other"),
        "delete": lambda: store.remove([film]),
    }
    with pytest.raises(StoreUnavailable) as caught:
        acts[right]()
    _check_words(caught.value, address, "may not do that")


def test_a_bucket_that_is_not_there(
    bucket_server: BucketServer, tmp_path: Path, clock: FakeClock
) -> None:
    """Said of every question, instead of "there is nothing"."""
    if bucket_server.inner is not None:
        pytest.skip("SeaweedFS makes a bucket that is not there")
    address = BucketAddress("s3", "nowhere", "x", endpoint=bucket_server.url, region="us-east-1")
    store = open_bucket(address, tmp_path, clock)
    for act in (
        store.read_all_results,
        lambda: store.find_first("a" * 64),
        lambda: store.check_blob("a" * 64),
        lambda: put(store),
    ):
        with pytest.raises(StoreUnavailable) as caught:
            act()
        _check_words(caught.value, address, "no such bucket")


def test_a_service_that_is_not_there(
    bucket_server: BucketServer, tmp_path: Path, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing listens: said in words, after few tries."""
    monkeypatch.setattr(bucket, "_TRIES", 0)
    address = BucketAddress("s3", "studio", "x", endpoint="http://127.0.0.1:1")
    with pytest.raises(StoreUnavailable) as caught:
        open_bucket(address, tmp_path, clock).read_all_results()
    _check_words(caught.value, address, "cannot be reached")


def _check_words(error: CutlistError, address: BucketAddress, words: str) -> None:
    text = f"{error} {error.hint}"
    assert words in text
    assert str(address) in text
    assert "http" not in text
    assert not any(value in text for value in ACCESS.values())
    assert "Signature=" not in text


def test_a_link_reads_without_a_key(open_at: Open) -> None:
    """A signed link gives the bytes to somebody who has no key."""
    store = open_at("one")
    film = put(store)
    link = store.link(film.digest, for_s=3600)
    assert httpx.get(link).content == b"video"
    assert "X-Amz-Expires=3600" in link
    assert ACCESS["AWS_SECRET_ACCESS_KEY"] not in link


# ------------------------------------------------------------------ many, and much


@pytest.mark.parametrize("ignores", [False, True])
def test_many_store_the_same(
    ignores: bool, open_at: Open, address: BucketAddress, bucket_server: BucketServer
) -> None:
    """Of writers of one result at the same moment all succeed, and there is one result then, whose
    record is whole, also where the service knows no conditions.
    """
    if ignores and bucket_server.inner is not None:
        pytest.skip("a server as it is in use is not bent")
    bucket_server.ignores_conditions = ignores
    stores = [open_at(f"machine {n}") for n in range(6)]
    with ThreadPoolExecutor(len(stores)) as pool:
        told = list(
            pool.map(
                lambda each: put(each[1], stored_at=f"2027-01-15T08:00:0{each[0]}Z"),
                enumerate(stores),
            )
        )
    for store in (stores[0], open_at("later")):
        store.remember()
        (found,) = store.read_all_results().results[told[0].key]
        assert found in told
    assert len(bucket_server.list(address, "results")) == 1
    assert list(open_at("judge").verify(read_data=True)) == []


def test_a_video_in_parts(open_at: Open, tmp_path: Path) -> None:
    """A video that is sent in several parts comes back as it was."""
    content = "0123456789abcdef" * (12 << 16)  # 12 MiB
    film = put(open_at("one"), content)
    open_at("two").copy_out(film.digest, tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == content.encode()
