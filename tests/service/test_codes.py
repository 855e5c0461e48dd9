"""The service's error codes: what each means for money (the table "Errors" of the reliability
contract).
"""

from __future__ import annotations

import pytest

from reconciler.service.codes import Verdict, find_code, may_try_again
from reconciler.system import shipped

VERDICTS = {
    Verdict.DENIED: "InvalidApiKey AccessDenied Workspace.AccessDenied",
    Verdict.QUOTA: (
        "AccessDenied.Unpurchased Model.AccessDenied AllocationQuota.FreeTierOnly Arrearage"
        " Throttling.AllocationQuota"
    ),
    Verdict.THROTTLED: "Throttling Throttling.RateQuota Throttling.BurstRate",
    Verdict.FINAL: (
        "InvalidParameter ModelNotFound DataInspectionFailed IPInfringementSuspect"
        " InvalidFile.Resolution InvalidFile.FPS InvalidFile.Duration InvalidFile.Openerror"
        " InvalidFile.Size InvalidFile.AspectRatio InvalidFile.Format UnsupportedOperation"
    ),
    Verdict.INPUT: (
        "InvalidURL InvalidURL.ConnectionRefused InvalidURL.Timeout InvalidParameter.DataInspection"
    ),
    Verdict.INTERNAL: (
        "InternalError InternalError.Algo InternalError.Upload InternalError.Timeout SystemError"
        " ModelUnavailable ModelServingError"
    ),
}
CODES = [(code, verdict) for verdict, codes in VERDICTS.items() for code in codes.split()]


@pytest.mark.parametrize(("code", "verdict"), CODES)
def test_verdicts(code: str, verdict: Verdict) -> None:
    """Every code of the vendor's pages has the meaning of the contract, and advice for people."""
    assert find_code(code).verdict is verdict
    assert find_code(code).advice


def test_no_code_is_forgotten() -> None:
    """What the bundled server can answer with is judged here, and the other way round."""
    assert {code for code, _ in CODES} == set(shipped.read_service()["errors"])


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("InvalidFile.Brand.New", Verdict.FINAL),
        ("InternalError.New", Verdict.INTERNAL),
        ("Throttling.New", Verdict.THROTTLED),
        ("Brand.New", Verdict.UNKNOWN),
        ("", Verdict.UNKNOWN),
        ("InvalidFileNot", Verdict.UNKNOWN),
    ],
)
def test_codes_of_tomorrow(code: str, verdict: Verdict) -> None:
    """A new code below a known one is judged like it; any other is unknown, and nothing is sent
    again for it.
    """
    assert find_code(code).verdict is verdict
    assert may_try_again(code, "", 1) == (verdict is Verdict.INTERNAL)


def test_a_download_that_failed_is_told_by_its_message() -> None:
    """The service says InvalidParameter when it could not fetch an input: that may pass."""
    assert (
        find_code("InvalidParameter", "Failed to download https://example.com/a.mp4").verdict
        is Verdict.INPUT
    )
    assert find_code("InvalidParameter", "Field required: input.media").verdict is Verdict.FINAL


@pytest.mark.parametrize("code", ["InternalError.Algo", "InvalidURL.Timeout"])
def test_how_often(code: str) -> None:
    """What may pass is tried three times in all; what is final never again by itself."""
    assert [may_try_again(code, "", failures) for failures in (1, 2, 3)] == [True, True, False]
    assert not may_try_again("DataInspectionFailed", "", 1)
