"""Uploads: which bytes lie in the service's temporary storage, and until when."""

from __future__ import annotations

from reconciler.state.ledger.parts import UploadPlace
from reconciler.state.ledger.sql.database import TEXT, Database


class SqlUploads:
    """The uploads of one ledger.

    What each method promises stands in `Uploads`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def url(self, sha256: str, place: UploadPlace, *, now: float, margin_s: float) -> str | None:
        rows = self._database.rows(
            "select url from uploads"
            " where sha256 = ? and model = ? and account = ? and endpoint = ? and expires_at > ?",
            sha256, place.model, place.account, place.endpoint, now + margin_s, kinds=[TEXT],
        )  # fmt: skip
        return rows[0][0] if rows else None

    def keep(self, sha256: str, place: UploadPlace, url: str, *, expires_at: float) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "insert into uploads (sha256, model, account, endpoint, url, expires_at)"
                " values (?, ?, ?, ?, ?, ?) on conflict (sha256, model, account, endpoint) do"
                " update set url = excluded.url, expires_at = excluded.expires_at",
                (sha256, place.model, place.account, place.endpoint, url, expires_at),
            )

    def forget(self, sha256: str, place: UploadPlace) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "delete from uploads"
                " where sha256 = ? and model = ? and account = ? and endpoint = ?",
                (sha256, place.model, place.account, place.endpoint),
            )
