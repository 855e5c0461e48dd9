"""Each file of the kit is what its reader takes: checked by the tools that are made for that."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from pre_commit.clientlib import load_config, load_manifest

from reconciler.cli.main import load_command
from reconciler.config import Variables
from reconciler.config import load_config as load_project_config
from reconciler.controller.loading import load_syncs
from reconciler.controller.shared_state import (
    choose_bucket,
    find_shared_ledger,
    find_sync_endpoint,
)
from reconciler.operations.shared import find_address
from tests.deploy.gitlab import read_component
from tests.docs.pages import ROOT, fences, text

BIN = Path(sys.executable).parent
DEPLOY = ROOT / "deploy"
COMPOSE = DEPLOY / "compose"
UNIT = DEPLOY / "systemd" / "cutlist-sync.service"
KUBERNETES = DEPLOY / "kubernetes"
RESOURCES = [path for path in sorted(KUBERNETES.glob("*.yaml")) if path.stem != "kustomization"]


def run(*command: str | Path) -> str:
    """Run a tool; everything it says. It has to be content."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def validate(resource: Any) -> None:
    """By the published schemas of Kubernetes, without an unknown field."""
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


# ------------------------------------------------------------------ CI


def test_the_action_is_one() -> None:
    """By the published schema of GitHub's actions."""
    action = DEPLOY / "github-action" / "action.yml"
    run(BIN / "check-jsonschema", "--builtin-schema", "vendor.github-actions", action)


def test_the_component_is_one(tmp_path: Path) -> None:
    """Its head and, with its inputs in place, its jobs, by the published schema of GitLab.

    The schema's tool reads one document of a file, so each gets a file of its own.
    """
    head, jobs = read_component({"image": "registry.example.com/cutlist"})
    for name, document in (("head", head), ("jobs", jobs)):
        (tmp_path / f"{name}.yml").write_text(yaml.safe_dump(document))
    schema = ("--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    run(BIN / "check-jsonschema", *schema, tmp_path / "head.yml", tmp_path / "jobs.yml")
    assert all("description" in entry for entry in head["spec"]["inputs"].values())


def test_the_hooks_are_read_by_pre_commit() -> None:
    """Its own reader takes them, and knows every field of them."""
    (hook,) = load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))
    assert hook["id"] == "cutlist-validate"


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        (".github/workflows/cutlist.yml", "vendor.github-workflows"),
        (".gitlab-ci.yml", "vendor.gitlab-ci"),
    ],
)
def test_examples_of_the_page_are_pipelines(tmp_path: Path, name: str, schema: str) -> None:
    """By the published schemas, and they say nothing that action and component do not know."""
    example = read_example(name)
    file = tmp_path / "example.yml"
    file.write_text(example)
    run(BIN / "check-jsonschema", "--builtin-schema", schema, file)
    pipeline = yaml.safe_load(example)
    if "include" in pipeline:
        read_component(pipeline["include"][0]["inputs"])
    else:
        *_, step = pipeline["jobs"]["cutlist"]["steps"]
        action = read_yaml(DEPLOY / "github-action" / "action.yml")
        assert step["with"].keys() <= action["inputs"].keys()


def test_the_example_of_the_hook_is_read_by_pre_commit(tmp_path: Path) -> None:
    """And it names the hook that there is."""
    file = tmp_path / "config.yaml"
    file.write_text(read_example(".pre-commit-config.yaml"))
    (repository,) = load_config(str(file))["repos"]
    (hook,) = load_manifest(str(ROOT / ".pre-commit-hooks.yaml"))
    assert [used["id"] for used in repository["hooks"]] == [hook["id"]]


def read_example(name: str) -> str:
    """The file of that name which docs/gitops.md shows."""
    bodies = [fence.body for fence in fences(text("docs/gitops.md")) if fence.info == "yaml"]
    (body,) = (body for body in bodies if body.startswith(f"# {name}\n"))
    return body


# ------------------------------------------------------------------ the image


def test_the_dockerfile_has_no_faults() -> None:
    """By hadolint, which looks into its shell as well."""
    assert run(BIN / "hadolint", "--failure-threshold", "style", DEPLOY / "Dockerfile") == ""


def test_the_builder_gets_what_the_dockerfile_copies_and_no_more() -> None:
    """`.dockerignore` keeps everything back that is not named in it."""
    text = (DEPLOY / "Dockerfile").read_text()
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    }
    first, *lines = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] != "#"
    ]
    assert first == "*"
    assert {line[1:] for line in lines if line[0] == "!"} == copied
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_is_healthy_while_the_controller_answers() -> None:
    """The line of HEALTHCHECK, run: it fails where nobody answers, and where the answer is no."""
    found = re.search(
        r"^ +CMD (\[.*healthz.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE
    )
    assert found
    command: list[str] = yaml.safe_load(found[1])
    with HealthPage() as page:
        here = [word.replace("127.0.0.1:8080", page.address) for word in command]
        codes = []
        for page.status in (200, 503):
            codes.append(subprocess.run(here, stderr=subprocess.DEVNULL).returncode == 0)
    codes.append(subprocess.run(here, stderr=subprocess.DEVNULL).returncode == 0)
    assert codes == [True, False, False]


class HealthPage:
    """Answers every request with `status`, while it is open."""

    status = 200

    def __enter__(self) -> HealthPage:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(page.status if self.path == "/healthz" else 404)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


# ------------------------------------------------------------------ a team on one machine


def test_the_compose_file_is_one() -> None:
    """By the published schema of Compose."""
    schema = ("--builtin-schema", "vendor.compose-spec")
    run(BIN / "check-jsonschema", *schema, COMPOSE / "compose.yaml")


def test_nobody_else_reaches_the_team() -> None:
    """All share one network, in which they are at 127.0.0.1, and what is published is this
    machine's alone: no other than it may speak to them by http.
    """
    services = read_yaml(COMPOSE / "compose.yaml")["services"]
    outer = services.pop("service")
    assert all(port.startswith("127.0.0.1:") for port in outer["ports"])
    for service in services.values():
        assert service["network_mode"] == "service:service"
        assert "ports" not in service
        assert re.search(r":\d", service["image"]) or service["image"] == "cutlist"


def test_what_the_team_is_told_is_right(tmp_path: Path) -> None:
    """Its commands are commands; its documents are whole, and speak of one account, ledger, store
    and service.
    """
    services = read_yaml(COMPOSE / "compose.yaml")["services"]
    ours = {name: one for name, one in services.items() if one["image"] == "cutlist"}
    for service in ours.values():
        arguments = [*service["command"]]
        if arguments[0] == "-C":
            arguments = arguments[2:]
        load_command(arguments[0]).make_context(arguments[0], arguments[1:])
    names = ("CUTLIST_LEDGER", "CUTLIST_STORE")
    environment = {name: ours["controller"]["environment"][name] for name in names}
    del ours["service"]
    assert all(environment.items() <= one["environment"].items() for one in ours.values())
    shutil.copy(COMPOSE / "worker" / "cutlist.yaml", tmp_path)
    (sync,) = load_syncs([COMPOSE / "documents"])
    told = Variables.read(environment)
    ledger, bucket = find_shared_ledger(sync, told), choose_bucket(sync, told)
    assert ledger is not None and bucket is not None
    for variables in (told, Variables()):
        worker = load_project_config(tmp_path, variables=variables)
        assert find_address(worker).fingerprint == ledger.fingerprint
        assert worker.bucket == bucket.join("live")
        assert worker.endpoint.base_url == find_sync_endpoint(sync).base_url


# ------------------------------------------------------------------ the service


def test_the_unit_is_one(tmp_path: Path) -> None:
    """By systemd, which complains of unknown keys as well, also with the change that the page
    shows; and it grants little.
    """
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: the unit is not verified")
    program = tmp_path / "cutlist"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/cutlist/bin/cutlist", str(program)))
    assert run("systemd-analyze", "verify", "--man=no", unit) == ""
    (change,) = (fence.body for fence in fences(text("docs/gitops.md")) if fence.info == "ini")
    changes = tmp_path / f"{UNIT.name}.d"
    changes.mkdir()
    (changes / "override.conf").write_text(change)
    assert run("systemd-analyze", "verify", "--man=no", unit) == ""
    run("systemd-analyze", "security", "--offline=true", "--threshold=20", "--no-pager", unit)


# ------------------------------------------------------------------ Kubernetes


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.stem)
def test_every_resource_is_one(path: Path) -> None:
    """Before anything is put together from them."""
    validate(read_yaml(path))


def test_the_kustomization_names_every_file_that_is_there() -> None:
    """And nothing that is not."""
    kustomization = read_yaml(KUBERNETES / "kustomization.yaml")
    assert sorted(kustomization["resources"]) == [path.name for path in RESOURCES]
    (documents,) = kustomization["configMapGenerator"]
    found = sorted(KUBERNETES.glob("documents/*"))
    assert [KUBERNETES / name for name in documents["files"]] == found


def test_kubectl_builds_it() -> None:
    """All resources are of one namespace, are valid, and find each other by name."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed: the kustomization is not built")
    built = [*yaml.safe_load_all(run("kubectl", "kustomize", KUBERNETES))]
    for resource in built:
        validate(resource)
        if resource["kind"] != "Namespace":
            assert resource["metadata"]["namespace"] == "cutlist"
    named = {resource["kind"]: resource for resource in built}
    pod = named["Deployment"]["spec"]["template"]["spec"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    documents = named["ConfigMap"]["metadata"]["name"]
    assert volumes["documents"]["configMap"]["name"] == documents != "cutlist-documents"
    claim = volumes["state"]["persistentVolumeClaim"]["claimName"]
    assert claim == named["PersistentVolumeClaim"]["metadata"]["name"]
    assert ":" in pod["containers"][0]["image"]


def test_one_pod_at_a_time_without_any_right() -> None:
    """Two controllers at one ledger would be two owners; and a pod that is broken into is poor."""
    spec = read_yaml(KUBERNETES / "deployment.yaml")["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")
    pod = spec["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert not pod["automountServiceAccountToken"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    probes = {name: container[name]["httpGet"]["path"] for name in container if "Probe" in name}
    assert probes["livenessProbe"] == "/healthz"
    assert probes["readinessProbe"] == "/readyz"


def test_the_document_of_the_pod_is_one() -> None:
    """It rehearses: who applies the kustomization as it stands spends nothing."""
    (sync,) = load_syncs([KUBERNETES / "documents"])
    assert (sync.name, sync.endpoint) == ("films", "mock")


# ------------------------------------------------------------------ together


def test_secrets_that_documents_name_are_among_the_secrets() -> None:
    """Whoever fills in the file of secrets has filled in all."""
    names = set(re.findall(r"^(\w+)=$", (DEPLOY / "systemd/secrets.env").read_text(), re.M))
    (document,) = (KUBERNETES / "documents").iterdir()
    named = set(re.findall(r"(?:token|url|secret)From: (\w+)", document.read_text()))
    assert named | {"DASHSCOPE_API_KEY"} <= names


def list_controller_calls() -> dict[str, list[str]]:
    """The arguments of `cutlist` by which each of the three starts the controller."""
    unit = re.search(r"^ExecStart=\S+/cutlist (.*)$", UNIT.read_text(), re.MULTILINE)
    image = re.findall(r"^CMD (\[.*\])$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE)
    pod = read_yaml(KUBERNETES / "deployment.yaml")["spec"]["template"]["spec"]
    assert unit
    return {
        "unit": shlex.split(unit[1]),
        "image": yaml.safe_load(image[-1]),
        "pod": pod["containers"][0]["args"],
    }


def test_the_three_start_the_controller_alike() -> None:
    """A pod says what its image would do anyway; the service listens on its own machine only."""
    calls = list_controller_calls()
    for arguments in calls.values():
        assert arguments[0] == "sync"
        context = load_command("sync").make_context("sync", arguments[1:])
        assert context.params["files"] == (Path("/etc/cutlist"),)
    assert calls["pod"] == calls["image"]
    at = calls["unit"].index("--listen") + 1
    assert calls["unit"][at] == "127.0.0.1:8080"
    assert [*calls["unit"][:at], "0.0.0.0:8080", *calls["unit"][at + 1 :]] == calls["pod"]
