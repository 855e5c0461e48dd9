"""What the program has is in the docs: commands, options, exit codes, variables, fields, states,
codes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import click
import pytest

from mockserver.__main__ import serve
from reconciler import errors
from reconciler.apply.events import Phase
from reconciler.cli.main import COMMANDS, cutlist, load_command
from reconciler.config import Variables
from reconciler.plan.step import SYMBOLS
from reconciler.service import codes as catalogue
from reconciler.state.observed import State
from tests.docs import tables
from tests.docs.pages import ROOT, section, text

COMMANDS_PAGE = text("docs/commands.md")
MANIFEST = text("docs/manifest.md")
OPERATIONS = text("docs/operations.md")
SYNC_DOCUMENTS = text("docs/sync-documents.md")
MODELS_PAGE = text("docs/models.md")


def _command(name: str) -> click.Command:
    return serve if name == "mock" else load_command(name)


def _options() -> Iterator[tuple[str, str]]:
    for name in COMMANDS:
        for parameter in _command(name).params:
            yield from ((name, option) for option in parameter.opts if option.startswith("-"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_section(name: str) -> None:
    """A command cannot be added without a word about it."""
    assert section(COMMANDS_PAGE, f"cutlist {name}"), (
        f"docs/commands.md has no section '## cutlist {name}'"
    )


@pytest.mark.parametrize(("name", "option"), list(_options()))
def test_every_option_is_in_the_section_of_its_command(name: str, option: str) -> None:
    """An option cannot be added without a word about it."""
    assert f"`{option}" in section(COMMANDS_PAGE, f"cutlist {name}")


@pytest.mark.parametrize(
    "option", [option for parameter in cutlist.params for option in parameter.opts]
)
def test_every_option_of_the_program_itself_is_told(option: str) -> None:
    """`-C` and `--version` stand before the commands."""
    assert f"`{option}" in COMMANDS_PAGE


@pytest.mark.parametrize(
    ("name", "code"), [(n, c) for n, c in vars(errors).items() if n.startswith("EXIT_")]
)
def test_every_exit_code_is_told(name: str, code: int) -> None:
    """Scripts can rely on the table."""
    assert f"\n| {code} |" in section(COMMANDS_PAGE, "Exit codes"), name


def test_every_environment_variable_is_told() -> None:
    """What the environment decides is no secret."""
    variables: list[str] = []

    class Recorder(dict[str, str]):
        def get(self, name: str, default: Any = None) -> Any:
            variables.append(name)
            return default

    Variables.read(Recorder())
    told = section(COMMANDS_PAGE, "Environment variables")
    assert variables
    assert [name for name in variables if f"`{name}`" not in told] == []


@pytest.mark.parametrize("phase", list(Phase))
def test_every_phase_of_the_json_is_told(phase: Phase) -> None:
    """Programs that read `apply --json` know what may come."""
    assert f"`{phase.value}`" in section(COMMANDS_PAGE, "JSON")


@pytest.mark.parametrize(("action", "symbol"), [(a, s) for a, s in SYMBOLS.items() if s.strip()])
def test_every_symbol_of_a_plan_is_told(action: str, symbol: str) -> None:
    """Nobody has to guess what a plan means."""
    assert f"| `{symbol}` | {action} |" in section(COMMANDS_PAGE, "cutlist plan")


def test_tables_say_what_the_schemas_say() -> None:
    """The tables are made from the schemas; `python -m tests.docs.refresh` makes them anew."""
    assert tables.filled(MANIFEST) == MANIFEST
    assert tables.names(MANIFEST) == tables.TABLES
    assert tables.filled(SYNC_DOCUMENTS) == SYNC_DOCUMENTS
    assert tables.names(SYNC_DOCUMENTS) == tables.SYNC_TABLES
    assert tables.filled(MODELS_PAGE) == MODELS_PAGE
    assert tables.names(MODELS_PAGE) == tables.MODEL_TABLES


def test_every_fact_of_a_shipped_model_says_who_says_it() -> None:
    """V, T or A beside every limit, field, output and bill."""
    rows = tables.filled("<!-- table: facts of models -->\n<!-- end of table -->").splitlines()
    facts = [row for row in rows if row.startswith("| ")][2:]
    assert len(facts) > 80
    assert [fact for fact in facts if not re.search(r"\| [VTA](, [VTA])* \|$", fact)] == []


@pytest.mark.parametrize("field", [name for name, _ in tables.sync_fields()])
def test_every_field_of_a_sync_document_is_told(field: str) -> None:
    """Dotted names, as in the table; `metadata` and `spec` only hold others."""
    assert f"`{field}`" in SYNC_DOCUMENTS or field in ("metadata", "spec")


@pytest.mark.parametrize("field", [name for name, _ in tables.project_fields()])
def test_every_field_of_the_project_file_is_told(field: str) -> None:
    """Dotted names, as in the table; `metadata` and `spec` only hold others."""
    assert f"`{field}`" in MANIFEST or field in ("metadata", "spec")


@pytest.mark.parametrize(
    "field", ["name", "labels", "model", "input", "parameters", "take", "output"]
)
def test_every_field_of_an_edit_is_told(field: str) -> None:
    """The fields that are ours and no model's; the whole example shows each."""
    assert f"\n  {field}:" in section(MANIFEST, "The edit")


@pytest.mark.parametrize("state", list(State))
def test_every_state_of_an_attempt_is_told(state: State) -> None:
    """What the ledger says can be looked up."""
    assert f"\n| `{state}` |" in section(OPERATIONS, "The ledger: states of an attempt")


@pytest.mark.parametrize("code", list(catalogue._CODES))
def test_every_error_code_is_told(code: str) -> None:
    """Each code of the service that the program knows has its meaning for money in the table."""
    assert f"`{code}" in section(OPERATIONS, "Errors")


def test_every_module_of_the_tour_is_there() -> None:
    """A path that the architecture names leads somewhere, below `reconciler/` or the root."""
    paths = re.findall(r"`([a-z_0-9/]+(?:\.py|/))`", text("docs/architecture.md"))
    assert len(paths) > 50
    assert [
        path
        for path in paths
        if not (ROOT / path).exists() and not (ROOT / "reconciler" / path).exists()
    ] == []
