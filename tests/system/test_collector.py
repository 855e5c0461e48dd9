"""The collector of cycles pauses, and goes on."""

from __future__ import annotations

import gc
from contextlib import ExitStack

import pytest

from reconciler.system.collector import pause_collector


def test_it_pauses_and_goes_on() -> None:
    """Also after an error; and somebody who had it off has it off."""
    with pytest.raises(KeyError), pause_collector():
        assert not gc.isenabled()
        raise KeyError
    assert gc.isenabled()
    gc.disable()
    try:
        with pause_collector():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_blocks_at_the_same_time() -> None:
    """Passes of several threads overlap as they like: in the end it goes on."""
    first, second = ExitStack(), ExitStack()
    first.enter_context(pause_collector())
    second.enter_context(pause_collector())
    first.close()
    second.close()
    assert gc.isenabled()
