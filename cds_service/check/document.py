"""The check as one JSON document; docs/schemas/check.schema.json is its form."""

from typing import Any

from cds_service import __version__
from cds_service.check.ehr import Entries
from cds_service.check.run import Charts, Check

Json = dict[str, Any]

SCHEMA = "infliximab-cds/check/1"
VERDICTS = {0: "ready", 1: "something-missing", 2: "not-checked"}


def check_document(check: Check, *, ids: bool = True) -> Json:
    """The same content as the report; null where something is not known. Without `ids` no resource is named."""
    return {
        "schema": SCHEMA,
        "version": __version__,
        "as_of": check.as_of.isoformat(),
        "config": str(check.config),
        "site": check.site.settings.site.name if check.site else None,
        "verdict": VERDICTS[check.exit_code],
        "findings": [
            {"code": finding.code, "state": finding.state.value, "says": finding.says, "do": finding.do or None}
            for finding in check.findings
        ],
        "ehr": None if check.entries is None else _entries(check.entries),
        "server": check.server,
        "capability_lacks": None
        if check.lacks is None
        else [
            {"says": lack.says, "searches": [search.name for search in lack.searches], "required": lack.required}
            for lack in check.lacks
        ],
        "charts": None if check.charts is None else _charts(check.charts, ids=ids),
    }


def _entries(entries: Entries) -> Json:
    return {
        "profile": entries.profile,
        "tasks": list(entries.tasks),
        "addresses": [{"hook": a.hook, "path": a.path, "title": a.title} for a in entries.addresses],
        "prefetch": dict(entries.prefetch),
        "scopes": [
            {"resource": scope.resource, "smart_v2": scope.smart_v2, "smart_v1": scope.smart_v1, "own": scope.own}
            for scope in entries.scopes
        ],
    }


def _charts(charts: Charts, *, ids: bool) -> Json:
    sample, coverage = charts.sample, charts.coverage
    return {
        "found_by": charts.found_by,
        "asked": sample.asked,
        "read": len(sample.read),
        "interrupted": sample.interrupted,
        "slowest_seconds": max((round(chart.seconds, 3) for chart in sample.read), default=None),
        "refusals": [{"reason": reason, "charts": number} for reason, number in sample.refusals.most_common()],
        "coverage": [
            {"key": share.key, "title": share.title, "number": share.number, "of": share.of}
            for share in coverage.shares()
        ],
        "antibodies_by_assay": dict(coverage.assays.most_common()),
        "results": [
            {"concept": name, "title": title, "values": coverage.results[name], "charts": coverage.charts[name]}
            for name, title in charts.titles.items()
            if name in coverage.results
        ],
        "unmapped": _unmapped(charts),
        "doubts": [
            {
                "code": doubt.code,
                "about": doubt.about,
                "level": doubt.level.value,
                "seen": doubt.seen,
                "charts": doubt.charts,
                "example": _example(doubt.example, ids=ids),
            }
            for doubt in charts.doubts
        ],
        "conformance": {
            "resources": charts.resources,
            "non_conformant": charts.non_conformant,
            "rules": [
                {
                    "resource": one.rule.resource,
                    "element": one.rule.element or None,
                    "says": one.rule.says,
                    "seen": one.seen,
                    "example": _example(one.example, ids=ids),
                }
                for one in charts.rules
            ],
        },
    }


def _unmapped(charts: Charts) -> list[Json]:
    return [
        {
            "concepts": list(one.unmapped.concepts),
            "system": one.unmapped.system or None,
            "code": one.unmapped.code or None,
            "text": one.text or None,
            "used": one.unmapped.used,
            "seen": one.seen,
            "charts": one.charts,
            "rows": [{"table": table, "row": row} for table, row in one.rows],
        }
        for one in charts.unmapped
    ]


def _example(evidence: str | None, *, ids: bool) -> str | None:
    return evidence if ids and evidence and "/" in evidence else None
