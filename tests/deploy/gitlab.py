"""GitLab's side of a component, as far as ours goes: inputs are put into place, rules decide which
jobs there are, and a job runs its lines in a shell.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.docs.pages import ROOT

COMPONENT = ROOT / "templates" / "cutlist.yml"
_INPUT = re.compile(r"\$\[\[ inputs\.([\w-]+) \]\]")
_VARIABLE = re.compile(r"\$(\w+)")


@dataclass(frozen=True)
class Ran:
    """What a job left: its exit code, and everything that it printed."""

    code: int
    log: str


def read_component(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The head of the component, and its jobs with inputs in their places.

    An input that is all of a value keeps its type; inside a text it becomes text.
    """
    head, jobs = yaml.safe_load_all(COMPONENT.read_text(encoding="utf-8"))
    declared: dict[str, dict[str, Any]] = head["spec"]["inputs"]
    assert inputs.keys() <= declared.keys()
    values = {name: entry["default"] for name, entry in declared.items() if "default" in entry}
    values |= inputs
    assert values.keys() == declared.keys(), "an input without a default is not given"
    return head, _put(jobs, values)


def _put(value: Any, inputs: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _put(part, inputs) for key, part in value.items()}
    if isinstance(value, list):
        return [_put(part, inputs) for part in value]
    if not isinstance(value, str):
        return value
    if whole := _INPUT.fullmatch(value):
        return inputs[whole[1]]
    return _INPUT.sub(lambda match: _write(inputs[match[1]]), value)


def _write(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def list_jobs(jobs: Mapping[str, Any], variables: Mapping[str, str]) -> list[str]:
    """The jobs of a pipeline with these variables."""
    return [
        name
        for name, job in jobs.items()
        if name[0] != "." and any(_holds(rule["if"], variables) for rule in job["rules"])
    ]


def _holds(condition: str, variables: Mapping[str, str]) -> bool:
    """Whether a rule's condition is met; ours are comparisons, joined by `&&`."""
    for part in condition.split(" && "):
        left, right = part.split(" == ")
        if _value(left, variables) != _value(right, variables):
            return False
    return True


def _value(term: str, variables: Mapping[str, str]) -> str | None:
    return variables.get(term[1:]) if term[0] == "$" else term.strip('"')


def run_job(
    jobs: Mapping[str, Any], name: str, checkout: Path, environment: Mapping[str, str]
) -> Ran:
    """Run a job in a checkout: `before_script` and `script` in one shell that stops at the first
    failure, `after_script` in another, whose exit code counts for nothing.
    """
    base, job = jobs[jobs[name]["extends"]], jobs[name]
    given = {**environment, "CI_PROJECT_DIR": str(checkout)}
    variables: dict[str, Any] = {**base["variables"], **job.get("variables", {})}
    for key, value in variables.items():
        assert isinstance(value, str), f"GitLab takes no {value!r} as the variable {key}"
        given[key] = _VARIABLE.sub(lambda match: environment.get(match[1], ""), value)
    code, log = _run_shell([*base["before_script"], *job["script"]], checkout, given)
    if "after_script" in job:
        _, after = _run_shell(job["after_script"], checkout, given)
        log += after
    return Ran(code, log)


def _run_shell(lines: list[str], checkout: Path, environment: Mapping[str, str]) -> tuple[int, str]:
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", "\n".join(lines)],
        cwd=checkout,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout
