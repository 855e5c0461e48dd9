"""The server's own controls under /_mock/: time, tasks, rules, accounts, journal and bill.

They answer the same machine only, unless the server was told otherwise. Answers are JSON; a
refusal is `{"code": "InvalidControl", "message"}` with 400, 403, 404, 409 or 413.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from mockserver.accounts import read_accounts
from mockserver.catalogue import Doc
from mockserver.digest import encode_canonical, load_json
from mockserver.errors import ControlError, ServerError
from mockserver.fields import Fields
from mockserver.http.index import CONTROLS, build_index, build_page, describe_miss
from mockserver.orders.verify import select_requests, verify_journal
from mockserver.service import Service
from mockserver.tasks.bill import sum_bill
from mockserver.tasks.body import drop_nulls

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
LARGEST_SNAPSHOT = 4 << 30
LONGEST_JUMP_S = 1e10  # three centuries: what is beyond, no date can hold
# What a bill is summed by, in a path and in its tasks.
_SUMS = {"accounts": "account", "requests": "request_sha256", "jobs": "job_sha256"}


def add_controls(app: web.Application, service: Service) -> None:
    """Add the control routes to the application."""
    control = _Control(service)
    remote = service.settings.remote_controls
    routes: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "health", control.show_health),
        ("GET", "clock", control.show_clock),
        ("POST", "clock", control.set_clock),
        ("GET", "tasks", control.list_tasks),
        ("GET", "tasks/{task_id:[^/]+}", control.show_task),
        ("POST", "tasks/{task_id:[^/]+}/{act:[^/]+}", control.act_on_task),
        ("GET", "accounts", control.list_accounts),
        ("PUT", "accounts", control.replace_accounts),
        ("GET", "rates", control.show_rates),
        ("POST", "rates", control.set_rates),
        ("GET", "bill", control.show_bill),
        ("GET", "bill/{by:[^/]+}", control.sum_bill),
        ("GET", "journal", control.list_requests),
        ("POST", "journal/verify", control.verify_journal),
        ("GET", "snapshot", control.send_snapshot),
        ("POST", "restore", control.restore),
        ("POST", "restart", control.restart),
        ("POST", "reset", control.reset),
    )
    for name, rules in (
        ("scenarios", service.scenarios),
        ("faults", service.faults),
        ("webhooks", service.webhooks),
    ):
        show, add, clear = _build_rule_handlers(name, rules)
        routes += (("GET", name, show), ("POST", name, add), ("DELETE", name, clear))
    for method, path, handler in routes:
        for slash in ("", "/"):
            app.router.add_route(method, f"/_mock/{path}{slash}", _guard(handler, remote))
    listing = _guard(control.show_index, remote)
    for path in ("/", "/_mock", CONTROLS):
        app.router.add_get(path, listing)
    app.router.add_route("*", "/_mock/{rest:.*}", _guard(control.refuse_unknown, remote))


class _Control:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def show_index(self, request: web.Request) -> web.Response:
        """What there is: a page for a browser, JSON for a program."""
        root = f"{request.scheme}://{request.host}"
        if "text/html" in request.headers.get("Accept", ""):
            return web.Response(
                text=build_page(root, self._list_models()), content_type="text/html"
            )
        return web.json_response(build_index(root, self._list_models()))

    def _list_models(self) -> list[Doc]:
        catalogue = self._service.catalogue
        return [
            {"name": name, "regions": list(model.names[name]), "file": model.file}
            for name, model in sorted(catalogue.models.items())
        ]

    async def refuse_unknown(self, request: web.Request) -> web.Response:
        """Refuse a control that there is not, naming the nearest that there is."""
        raise ControlError(describe_miss(request.method, request.path), 404)

    async def show_health(self, _: web.Request) -> web.Response:
        now = self._service.clock.now()
        return web.json_response(
            {"status": "ok", "now": now, "tasks": self._service.state.tasks.count}
        )

    async def show_clock(self, _: web.Request) -> web.Response:
        return web.json_response({"now": self._service.clock.now()})

    async def set_clock(self, request: web.Request) -> web.Response:
        seconds = (await _read_document(request, {})).get("advance_s")
        if (
            isinstance(seconds, bool)
            or not isinstance(seconds, (int, float))
            or not 0 <= seconds <= LONGEST_JUMP_S
        ):
            raise ControlError(
                f'the body should be {{"advance_s": N}}, N seconds from 0 to {LONGEST_JUMP_S:.0f}'
            )
        self._service.advance(float(seconds))
        await self._service.webhooks.deliver()
        return await self.show_clock(request)

    # ---- tasks

    async def list_tasks(self, request: web.Request) -> web.Response:
        filters = {
            name: request.query[name]
            for name in ("account", "model", "status", "label")
            if name in request.query
        }
        return web.json_response({"tasks": self._service.list_all_tasks(filters)})

    async def show_task(self, request: web.Request) -> web.Response:
        task_id = request.match_info["task_id"]
        documents = self._service.list_all_tasks({"task_id": task_id})
        if not documents:
            raise ControlError(f"there is no task {task_id}", 404)
        return web.json_response(documents[0])

    async def act_on_task(self, request: web.Request) -> web.Response:
        """Do something to a task by hand: finish, fail {code, message}, cancel, expire or lose."""
        tasks, task_id = self._service.tasks, request.match_info["task_id"]
        acts = {
            "finish": tasks.finish,
            "cancel": tasks.withdraw,
            "expire": tasks.expire,
            "lose": tasks.lose_video,
        }
        name = request.match_info["act"]
        if name == "fail":
            fields = Fields(await _read_document(request, {}), "fail")
            code, message = fields.take_code("InternalError.Algo"), fields.take("message", str)
            fields.end()
            tasks.fail(task_id, self._service.scenarios.build_failure(code, message))
        elif name in acts:
            acts[name](task_id)
        else:
            raise ControlError(
                f"a task can be told to {', '.join(['fail', *acts])}, not to {name}", 404
            )
        self._service.state.commit()
        await self._service.webhooks.deliver()
        return await self.show_task(request)

    # ---- accounts and rates

    async def list_accounts(self, _: web.Request) -> web.Response:
        """The accounts, with the ids of their keys but not the keys."""
        shown = [
            {
                "name": account.name,
                "uid": account.uid,
                "key_ids": [key.id for key in account.keys],
                "region": account.region,
                "workspaces": list(account.workspaces),
            }
            for account in self._service.accounts.all
        ]
        return web.json_response({"accounts": shown, "region": self._service.accounts.region})

    async def replace_accounts(self, request: web.Request) -> web.Response:
        documents = (await _read_document(request)).get("accounts")
        accounts = read_accounts(documents, self._service.catalogue.service["regions"])
        self._service.accounts.replace(accounts)
        return await self.list_accounts(request)

    async def show_rates(self, _: web.Request) -> web.Response:
        models = {
            model.name: model.submits_per_s for model in self._service.catalogue.models.values()
        }
        rates = {"submits_per_s": models, **self._service.catalogue.service["rates"]}
        return web.json_response({"enforced": self._service.rates.enforced, "rates": rates})

    async def set_rates(self, request: web.Request) -> web.Response:
        enforced = (await _read_document(request)).get("enforced")
        if not isinstance(enforced, bool):
            raise ControlError('the body should be {"enforced": true} or {"enforced": false}')
        self._service.rates.enforced = enforced
        return await self.show_rates(request)

    # ---- bill and journal

    async def show_bill(self, _: web.Request) -> web.Response:
        return web.json_response(self._service.build_bill())

    async def sum_bill(self, request: web.Request) -> web.Response:
        by = request.match_info["by"]
        if by not in _SUMS:
            raise ControlError(f"a bill is summed by {', '.join(_SUMS)}, not by {by}", 404)
        return web.json_response(sum_bill(self._service.build_bill(), _SUMS[by]))

    async def list_requests(self, request: web.Request) -> web.Response:
        """All requests, or those that fit the query: the fields of verify, as text."""
        journal = self._service.get_journal()
        filters: Doc = dict(request.query)
        if (status := filters.get("status", "")).isdecimal() and len(status) == 3:
            filters["status"] = int(status)
        if filters:
            journal = {"requests": select_requests(journal["requests"], filters, "query")}
        return web.json_response(journal)

    async def verify_journal(self, request: web.Request) -> web.Response:
        """Answer 200 when the journal is as expected, 409 when not.

        So `curl -f` can stand in a script.
        """
        verdict = verify_journal(
            self._service.get_journal()["requests"], await _read_document(request)
        )
        return web.json_response(verdict, status=200 if verdict["ok"] else 409)

    # ---- the whole

    async def send_snapshot(self, _: web.Request) -> web.Response:
        return web.Response(body=self._service.take_snapshot(), content_type="application/x-tar")

    async def restore(self, request: web.Request) -> web.Response:
        data = bytearray()
        async for chunk in request.content.iter_any():
            data += chunk
            if len(data) > LARGEST_SNAPSHOT:
                raise ControlError("the snapshot is too large", 413)
        self._service.restore(bytes(data))
        return await self.show_health(request)

    async def restart(self, request: web.Request) -> web.Response:
        self._service.restart(request.transport)
        return web.json_response({"status": "ok"})

    async def reset(self, _: web.Request) -> web.Response:
        self._service.reset()
        return web.json_response({"status": "ok"})


def _build_rule_handlers(name: str, rules: Any) -> tuple[Handler, Handler, Handler]:
    """GET, POST and DELETE of a list of rules; POST adds one rule, or `{name: [rules]}`."""

    async def show(_: web.Request) -> web.Response:
        return web.json_response({name: rules.show()})

    async def add(request: web.Request) -> web.Response:
        document = await _read_document(request)
        rules.add(drop_nulls(document[name] if set(document) == {name} else document))
        return await show(request)

    async def clear(request: web.Request) -> web.Response:
        rules.clear()
        return await show(request)

    return show, add, clear


async def _read_document(request: web.Request, default: Doc | None = None) -> Doc:
    body = await request.read()
    if not body and default is not None:
        return default
    try:
        document = load_json(body)
        encode_canonical(document)  # refuses what is nested too deeply to be worked with
    except (ValueError, TypeError):
        document = None
    if not isinstance(document, dict):
        raise ControlError("the body should be a JSON object")
    return document


def _guard(handler: Handler, remote: bool) -> Handler:
    """A handler that answers the same machine only, unless `remote`, and whose errors are told."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        try:
            if not remote and request.remote is not None and not _is_loopback(request.remote):
                raise ControlError(
                    "the controls answer only on the machine that the server runs on", 403
                )
            return await handler(request)
        except ControlError as error:
            return _build_refusal(str(error), error.status)
        except ServerError as error:
            return _build_refusal(str(error), 400)
        except web.HTTPRequestEntityTooLarge:
            return _build_refusal("the body is too large", 413)
        # Bad compression, or the client went away while sending.
        except (web.RequestPayloadError, ConnectionError):
            return _build_refusal("the body cannot be read", 400)

    return guarded


def _is_loopback(address: str) -> bool:
    peer = ipaddress.ip_address(address)
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return (mapped or peer).is_loopback


def _build_refusal(message: str, status: int) -> web.Response:
    return web.json_response({"code": "InvalidControl", "message": message}, status=status)
