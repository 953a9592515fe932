"""Orders, dispenses and procedures of infliximab: they hint at an infusion and never count as one.

Question: was infliximab perhaps given without an administration on record? Source: FHIR R4 MedicationRequest,
MedicationDispense, Procedure (HCPCS codes of infused drugs). An order is no proof of giving; what only such a record
knows becomes an issue, and the regimen stays that of the administrations.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cds_service.clinical.record import DataIssue, Infusion, IssueLevel, Moment
from fhir_mappings.chart import Resource
from fhir_mappings.doubts import Doubt, issue
from fhir_mappings.drugs import Product, infliximab_in, read_drug, read_name
from fhir_mappings.identity import evidence
from fhir_mappings.scope import Scope, sorting_instant
from fhir_mappings.shape import struct, text

ABOUT = "infusion"
ORDERED, DISPENSED, PROCEDURE = "ordered", "dispensed", "a procedure"
HANDED_OVER = frozenset({"completed", "in-progress"})


@dataclass(frozen=True, slots=True)
class Inferred:
    """One record by which an infusion could be inferred: `how` it is known, and when that was."""

    how: str
    subcutaneous: bool
    when: Moment | None
    evidence: str


def infer(how: str, product: Product | None, when: Moment | None, own: str, scope: Scope) -> Iterator[Inferred]:
    """A record that names infliximab within the look-back, or without a date; nothing for any other."""
    if product is not None and (when is None or scope.sees(when)):
        yield Inferred(how, product.subcutaneous, when, own)


def read_dispense(resource: Resource, scope: Scope) -> Iterator[Inferred]:
    """A MedicationDispense of infliximab, dated by when it was handed over or else prepared. Raises Misshapen."""
    if text(resource, "status") in HANDED_OVER:
        drug = read_drug(resource, scope.tables, scope.referenced)
        when = scope.moment(resource, "whenHandedOver") or scope.moment(resource, "whenPrepared")
        yield from infer(DISPENSED, infliximab_in(drug.all_names), when, evidence(resource), scope)


def infer_from_procedure(resource: Resource, scope: Scope) -> Iterator[Inferred]:
    """A Procedure that was done under a code or name of infliximab. Raises Misshapen."""
    product = infliximab_in([read_name(struct(resource, "code"), scope.tables)])
    if product is not None:
        yield from infer(PROCEDURE, product, scope.begin(resource, "performed"), evidence(resource), scope)


def unproven(found: Iterable[Inferred], infusions: Sequence[Infusion]) -> Iterator[DataIssue]:
    """What the inferred records know and no administration does.

    Each procedure on a day without an infusion; the newest order or dispense of a subcutaneous product after the last
    infusion, and of an intravenous one where there is no infusion at all.
    """
    known = sorted(found, key=lambda record: (sorting_instant(record.when), record.evidence))
    for record in known:
        if record.how == PROCEDURE and not any(_same_day(record, infusion) for infusion in infusions):
            says = "is known from a procedure only: inferred, and not counted as given"
            yield issue(
                Doubt("infusion-inferred", says), ABOUT, f"An infusion of infliximab{_on(record)}", record.evidence
            )
    supplied = [record for record in known if record.how != PROCEDURE]
    last = max((infusion.start.at for infusion in infusions), default=None)
    injected = [r for r in supplied if r.subcutaneous and (last is None or sorting_instant(r.when) > last)]
    infused = [] if infusions else [record for record in supplied if not record.subcutaneous]
    for records, level in ((injected, IssueLevel.LIMITING), (infused, IssueLevel.NOTE)):
        if records:
            yield _only_supplied(records[-1], level)


def _only_supplied(record: Inferred, level: IssueLevel) -> DataIssue:
    product = "Subcutaneous infliximab" if record.subcutaneous else "Infliximab"
    after = "no administration of it is on record"
    says = f"was {record.how}{_on(record)}, but {after}: inferred, and not counted as given"
    return issue(Doubt("infusion-inferred", says, level), ABOUT, product, record.evidence)


def _on(record: Inferred) -> str:
    return f" on {record.when.day_in_words}" if record.when else " without a date"


def _same_day(record: Inferred, infusion: Infusion) -> bool:
    return record.when is not None and infusion.start.same_day(record.when)
