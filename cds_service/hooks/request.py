"""The hook request: strict where CDS Hooks says REQUIRED, tolerant of the imperfect FHIR inside.

Question: which hook was called, for which patient, with which drafts, data and access?
Source: CDS Hooks 2.0.1, Calling a CDS Service; hook definitions order-select, order-sign, patient-view.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cds_service.errors import BadHookRequest
from fhir_mappings.chart import Resource

_ID = re.compile(r"(?!\.+\Z)[A-Za-z0-9._~-]{1,256}")  # FHIR ids; Epic's are up to 194 characters long
_TOKEN = re.compile(r"[!-~]{1,8192}")
_NAMES: dict[type, str] = {str: "a string", dict: "an object", list: "a list"}


@dataclass(frozen=True, slots=True)
class HookRequest:
    """One call of a CDS client. `token_patient` is the patient the token is scoped to, if it says so.

    `draft_orders` is None for hooks without orders. What may identify a person is left out of repr.
    """

    hook: str
    hook_instance: str
    patient_id: str = field(repr=False)
    user_id: str = field(repr=False)
    encounter_id: str | None = field(default=None, repr=False)
    fhir_server: str | None = None
    token: str | None = field(default=None, repr=False)
    token_patient: str | None = field(default=None, repr=False)
    draft_orders: Resource | None = field(default=None, repr=False)
    selections: tuple[str, ...] = field(default=(), repr=False)
    prefetch: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    @property
    def drafts(self) -> tuple[Resource, ...]:
        """The resources of the draft orders, in the order sent."""
        return tuple(entry["resource"] for entry in self._entries)

    @property
    def full_urls(self) -> tuple[str, ...]:
        """The addresses under which drafts may refer to each other."""
        return tuple(str(entry["fullUrl"]) for entry in self._entries if entry.get("fullUrl"))

    @property
    def _entries(self) -> tuple[Resource, ...]:
        return tuple((self.draft_orders or {}).get("entry") or ())


@dataclass(slots=True)
class _Form:
    """Reads members of one object and collects what is wrong, so that the caller hears of it all at once."""

    wrong: list[str] = field(default_factory=list)

    def read(self, holder: Mapping[str, Any], path: str, kind: type, *, required: bool = False) -> Any:
        value = holder.get(path.rpartition(".")[2])
        if value is None and not required:
            return None
        if not isinstance(value, kind) or (required and kind is str and not value):
            self.wrong.append(f"{path}: {_NAMES[kind]} expected, {_shown(value)}")
            return None
        return value

    def check(self, value: Any, path: str, pattern: re.Pattern[str], expected: str) -> None:
        if value and not pattern.fullmatch(value):
            self.wrong.append(f"{path}: {expected} expected")

    def rows(self, holder: Mapping[str, Any], path: str, kind: type) -> tuple[Any, ...]:
        rows = self.read(holder, path, list) or []
        wrong = [
            f"{path}[{n}]: {_NAMES[kind]} expected, {_shown(r)}" for n, r in enumerate(rows) if type(r) is not kind
        ]
        self.wrong.extend(wrong)
        return () if wrong else tuple(rows)


def read_hook_request(body: object, expected_hook: str) -> HookRequest:
    """The request, checked. Raises BadHookRequest naming every field that is missing or wrong."""
    if not isinstance(body, dict):
        raise BadHookRequest(f"body: an object expected, {_shown(body)}")
    form = _Form()
    context = form.read(body, "context", dict, required=True)
    access = form.read(body, "fhirAuthorization", dict) or {}
    orders = expected_hook.startswith("order-")
    values = {
        "hook": _read_hook(form, body, expected_hook),
        "hook_instance": form.read(body, "hookInstance", str, required=True),
        "fhir_server": form.read(body, "fhirServer", str) or None,
        "prefetch": form.read(body, "prefetch", dict) or {},
        **(_read_context(form, context) if context is not None else {}),
        **_read_access(form, access),
        "draft_orders": _read_drafts(form, context) if orders and context is not None else None,
        "selections": form.rows(context or {}, "context.selections", str) if orders else (),
    }
    if form.wrong:
        raise BadHookRequest(*form.wrong)
    return HookRequest(**values)


def _read_hook(form: _Form, body: Mapping[str, Any], expected: str) -> Any:
    hook = form.read(body, "hook", str, required=True)
    if hook is not None and hook != expected:
        form.wrong.append(f"hook: {expected!r} expected at this address, got {hook[:40]!r}")
    return hook


def _read_context(form: _Form, context: Mapping[str, Any]) -> dict[str, Any]:
    patient = form.read(context, "context.patientId", str, required=True)
    form.check(patient, "context.patientId", _ID, "the id of a FHIR Patient, without the resource type,")
    return {
        "patient_id": patient,
        "user_id": form.read(context, "context.userId", str, required=True),
        "encounter_id": form.read(context, "context.encounterId", str),
    }


def _read_access(form: _Form, access: Mapping[str, Any]) -> dict[str, Any]:
    token = form.read(access, "fhirAuthorization.access_token", str)
    form.check(token, "fhirAuthorization.access_token", _TOKEN, "printable characters without spaces")
    kind = form.read(access, "fhirAuthorization.token_type", str)
    if token and kind and kind.lower() != "bearer":
        form.wrong.append("fhirAuthorization.token_type: 'Bearer' expected")
    return {"token": token or None, "token_patient": form.read(access, "fhirAuthorization.patient", str) or None}


def _read_drafts(form: _Form, context: Mapping[str, Any]) -> Any:
    bundle = form.read(context, "context.draftOrders", dict, required=True)
    if bundle is None:
        return None
    if bundle.get("resourceType") != "Bundle":
        kind = bundle.get("resourceType")
        told = f"got {kind!r}" if isinstance(kind, str) and re.fullmatch(r"[A-Za-z]{1,40}", kind) else _shown(kind)
        form.wrong.append(f"context.draftOrders.resourceType: 'Bundle' expected, {told}")
    entries = form.rows(bundle, "context.draftOrders.entry", dict)
    for number, entry in enumerate(entries):
        path = f"context.draftOrders.entry[{number}].resource"
        draft = form.read(entry, path, dict, required=True)
        if draft is not None:
            form.read(draft, f"{path}.resourceType", str, required=True)
    return bundle


def _shown(value: object) -> str:
    """What came instead, by kind only: values may identify a person."""
    if value is None:
        return "it is missing"
    kinds = {str: "a string", dict: "an object", list: "a list", bool: "a truth value"}
    return "it is empty" if value == "" else f"got {kinds.get(type(value), 'a number')}"
