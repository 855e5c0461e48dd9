"""GitHub's side of a composite action, as far as ours goes: conditions decide which steps there
are, expressions are put into `env` and `working-directory`, each step's lines are a script.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.docs.pages import ROOT

ACTION = ROOT / "deploy" / "github-action" / "action.yml"
_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_WORD = re.compile(r"'[^']*'|\b(?:inputs|github)(?:\.[\w-]+)+|&&|\|\||always\(\)")


@dataclass
class Ran:
    """What a run of the action left."""

    failed: str = ""  # the step that failed first
    steps: list[str] = field(default_factory=list)  # those that were run
    log: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Job:
    """One job that uses the action: where it runs, and what GitHub tells about the event."""

    checkout: Path
    temp: Path  # RUNNER_TEMP
    action: Path  # GITHUB_ACTION_PATH
    event: Mapping[str, Any]  # the context `github`
    environment: Mapping[str, str]

    def run(self, **inputs: str) -> Ran:
        """Run the action; `max_cost` is the input `max-cost`."""
        document = yaml.safe_load(ACTION.read_text(encoding="utf-8"))
        declared = document["inputs"]
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= declared.keys()
        context: dict[str, Any] = {"github": self.event}
        defaults = {name: self._fill(entry["default"], context) for name, entry in declared.items()}
        context["inputs"] = {**defaults, **given}
        ran = Ran()
        for step in document["runs"]["steps"]:
            condition = step.get("if", "true")
            if ran.failed and "always()" not in condition:
                continue
            if evaluate(condition, context) and "run" in step:
                self._run_step(step, context, ran)
        return ran

    def _run_step(self, step: Mapping[str, Any], context: Mapping[str, Any], ran: Ran) -> None:
        assert step["shell"] == "bash"
        assert "${{" not in step["run"], "an expression in a script is code of a stranger"
        self.temp.mkdir(exist_ok=True)
        script, path, summary = (self.temp / name for name in ("script", "path", "summary"))
        path.touch()
        summary.touch()
        script.write_text(step["run"])
        added = ":".join(path.read_text().split()[::-1])
        files = {"GITHUB_PATH": str(path), "GITHUB_STEP_SUMMARY": str(summary)}
        places = {"RUNNER_TEMP": str(self.temp), "GITHUB_ACTION_PATH": str(self.action)}
        own = {name: self._fill(value, context) for name, value in step.get("env", {}).items()}
        event = {"GITHUB_BASE_REF": str(self.event.get("base_ref", ""))}
        environment = {**self.environment, **files, **places, **event, **own}
        environment["PATH"] = f"{added}:{environment['PATH']}"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.checkout / self._fill(step.get("working-directory", "."), context),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        ran.steps.append(step["name"])
        ran.log += done.stdout
        ran.summary = summary.read_text()
        if done.returncode and not ran.failed:
            ran.failed = step["name"]

    @staticmethod
    def _fill(text: str, context: Mapping[str, Any]) -> str:
        return _EXPRESSION.sub(lambda match: str(evaluate(match[1], context)), text)


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """The value of an expression; ours use names, texts, comparisons, `format` and `always`."""

    def translate(match: re.Match[str]) -> str:
        word = match[0]
        known = {"&&": " and ", "||": " or ", "always()": "True"}
        if word in known or word[0] == "'":
            return known.get(word, word)
        value: Any = context
        for name in word.split("."):
            value = value.get(name, "") if isinstance(value, Mapping) else ""
        return repr(value)

    names = {"__builtins__": {}, "true": True, "format": str.format}
    return eval(_WORD.sub(translate, expression), names)
