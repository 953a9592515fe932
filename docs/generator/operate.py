"""What those who run the service can watch: events, fields, counts."""

from cds_service.operations.events import Field
from cds_service.operations.events import listed as listed_events
from cds_service.operations.metrics import PREFIX
from cds_service.operations.metrics import listed as listed_metrics
from generator.layout import Json, data, same_keys, table


def events() -> str:
    """Every event that can stand in the log, with its fields."""
    rows = [
        (f"`{name}`", _level(name, event.level), event.meaning, ", ".join(f"`{field}`" for field in event.fields))
        for name, event in listed_events().events.items()
    ]
    return table(("Event", "Usual level", "When", "Fields, beside `event`, `level` and `time`"), rows)


def _level(name: str, level: str) -> str:
    return f"{level}; by [outcome](#outcomes)" if name == "hook_call" else level


def fields() -> str:
    """Every field that can stand in the log, and what of a value passes."""
    rows = [(f"`{name}`", _kind(field), field.meaning) for name, field in listed_events().fields.items()]
    return table(("Field", "Value", "Meaning"), rows)


def _kind(field: Field) -> str:
    kinds = {
        "count": "whole number",
        "counts": "list of whole numbers",
        "number": "number",
        "flag": "true, false",
        "choice": ", ".join(f"`{value}`" for value in sorted(field.values)),
        "name": "name of ours or of a library",
        "names": "list of such names",
        "uuid": "UUID",
        "words": f"at most {field.most} printable characters",
    }
    return kinds[field.kind]


def outcomes() -> str:
    """How a hook call can end. Raises KeyError where operate.toml does not tell exactly the outcomes of the log."""
    told: Json = data("operate.toml")["outcome"]
    same_keys("operate.toml [outcome]", told, listed_events().fields["outcome"].values)
    levels = listed_events().level_of_outcome
    rows = [
        (f"`{name}`", row["status"], row["meaning"], levels.get(name, "info"), row["alarm"])
        for name, row in told.items()
    ]
    return table(("Outcome", "Status", "When", "Level", "Alarm"), rows)


def metrics() -> str:
    """Every metric with its labels."""
    rows = [
        (
            f"`{PREFIX}{name}`",
            metric.kind,
            metric.meaning,
            "; ".join(f"`{label}`: {', '.join(values)}" for label, values in metric.labels.items()),
        )
        for name, metric in listed_metrics().items()
    ]
    own = [
        (f"`{PREFIX}info`", "gauge", "1, with the version of the service as a label.", "`version`"),
        (f"`{PREFIX}workers`", "gauge", "Worker processes that serve.", ""),
    ]
    return table(("Metric", "Kind", "Meaning", "Labels"), [*own, *rows])
