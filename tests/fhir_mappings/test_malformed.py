"""Any field of any resource may be anything: nothing raises, and no neighbour is lost (synthetic chart)."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_mappings.orders import also_ordered, read_orders
from tests.fhir_mappings.charts import (
    ICD,
    LOINC,
    RXNORM,
    SNOMED,
    allergy,
    antibody,
    coded,
    codes,
    condition,
    infusion,
    level,
    prescription,
    quantity,
    read,
)

STRENGTH = {"numerator": quantity(200, "mg"), "denominator": quantity(250, "mL")}
BAG = {
    "resourceType": "Medication",
    "id": "bag",
    "code": {"text": "infliximab in saline", "coding": []},
    "form": {"text": "solution"},
    "ingredient": [{"itemCodeableConcept": coded(RXNORM, "191831"), "strength": STRENGTH}],
}
RICH: dict[str, dict[str, Any]] = {
    "level": level(
        id="rich",
        meta={"versionId": "1", "lastUpdated": "2026-11-22T08:00:00Z"},
        method={"text": "Mayo", "coding": [{"display": "ECL"}]},
        specimen={"reference": "#s"},
        contained=[{"resourceType": "Specimen", "id": "s", "collection": {"collectedDateTime": "2026-11-22"}}],
        referenceRange=[{"high": quantity(10, "ug/mL")}],
        component=[{"code": {"text": "Infliximab Ab"}, "valueString": "<20 U/mL"}],
    ),
    "antibody": antibody(
        id="rich",
        interpretation=[coded("urn:x", "N")],
        referenceRange=[{"high": quantity(50, "U/mL")}],
        effectiveDateTime=None,
        effectivePeriod={"start": "2026-11-22T08:00:00Z", "end": "2026-11-22T08:00:00Z"},
    ),
    "weight": level(id="rich", code=coded(LOINC, "29463-7"), valueQuantity=quantity(38, "kg", comparator="<")),
    "score": level(
        {
            "valueCodeableConcept": {
                "coding": [
                    {
                        "code": "some",
                        "extension": [
                            {"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 11}
                        ],
                    }
                ]
            }
        },
        id="rich",
        code={"text": "SES-CD"},
    ),
    "infusion": infusion(
        id="rich",
        medicationCodeableConcept=None,
        medicationReference={"reference": "#bag", "display": "infliximab"},
        contained=[BAG],
        request={"reference": "MedicationRequest/1"},
        extension=[{"url": "urn:x", "valueQuantity": quantity(120, "min")}],
        dosage={"dose": quantity(250, "mL"), "route": coded(SNOMED, "47625008", "IV")},
    ),
    "steroid": infusion(id="rich", medicationCodeableConcept=coded(RXNORM, "8640", "prednisone")),
    "prescription": prescription(
        coded(RXNORM, "1256"),
        id="rich",
        dosageInstruction=[{"route": {"text": "po"}, "timing": {"repeat": {"boundsPeriod": {"start": "2026-01-01"}}}}],
    ),
    "condition": condition(coded(ICD, "K50.90"), id="rich", onsetDateTime="2019-01-01", recordedDate="2019-01-02"),
    "allergy": allergy(id="rich", criticality="low", reaction=[{"severity": "mild", "substance": {"text": "x"}}]),
    "test order": {
        "resourceType": "ServiceRequest",
        "id": "rich",
        "status": "active",
        "code": {"text": "Infliximab"},
        "category": [coded(SNOMED, "108252007")],
    },
    "patient": {"resourceType": "Patient", "id": "another", "birthDate": "2014-07-01"},
}
DRAFT: dict[str, Any] = RICH["infusion"] | {
    "resourceType": "MedicationRequest",
    "status": "draft",
    "reasonCode": [coded(ICD, "K50.90")],
    "reasonReference": [{"reference": "Condition/1"}],
    "dosageInstruction": [
        {
            "route": {"text": "IV"},
            "timing": {"repeat": {"frequency": 1, "period": 8, "periodUnit": "wk"}, "code": {"text": "Q8W"}},
            "doseAndRate": [{"doseQuantity": quantity(200, "mg")}],
        }
    ],
}
NEIGHBOURS = (level(id="neighbour"), infusion(id="neighbour"), condition(coded(ICD, "K50.80"), id="neighbour"))
ODD: list[Any] = [
    None,
    True,
    7,
    -1.5,
    "",
    "x",
    [],
    {},
    [None],
    ["x"],
    {"x": 1},
    [[]],
    [{}],
    {"coding": 7},
    {"coding": ["x"]},
]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in members:
        yield (*path, key)
        yield from paths(inner, (*path, key))


def changed(resource: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(resource)
    holder: Any = copied
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return copied


def check(mutant: Any) -> None:
    record = read(mutant, *NEIGHBOURS)
    everything: list[Any] = [*record.levels, *record.infusions, *record.diagnoses]
    assert {one.evidence for one in everything} >= {
        "Observation/neighbour",
        "MedicationAdministration/neighbour",
        "Condition/neighbour",
    }
    assert codes(record.issues).count("resource-unreadable") <= 1
    assert all(one.message.isprintable() for one in record.issues)


@pytest.mark.parametrize("name", RICH)
def test_every_field_may_be_anything(name: str) -> None:
    for path in paths(RICH[name]):
        for value in ODD:
            check(changed(RICH[name], path, value))


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("level", ("code",), "39803-2"),
        ("level", ("code", "coding", 0), "39803-2"),
        ("level", ("valueQuantity", "value"), "1.7"),
        ("level", ("status",), 1),
        ("antibody", ("interpretation",), "N"),
        ("condition", ("clinicalStatus",), "active"),
        ("allergy", ("reaction",), {}),
        ("prescription", ("dosageInstruction",), {}),
    ],
)
def test_a_wrong_type_is_one_issue_that_names_the_field(name: str, path: tuple[Any, ...], value: Any) -> None:
    record = read(changed(RICH[name], path, value))
    (found,) = [one for one in record.issues if one.code == "resource-unreadable"]
    assert found.evidence == f"{RICH[name]['resourceType']}/rich"
    member = next(step for step in reversed(path) if isinstance(step, str))
    assert member in found.message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(RICH)), data=st.data())
def test_no_json_at_all_breaks_the_reader(name: str, data: st.DataObject) -> None:
    mutant = RICH[name]
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(sorted(paths(mutant), key=repr)))
        mutant = changed(mutant, path, data.draw(JSON))
        if not mutant:
            break
    check(mutant)


def test_a_draft_of_any_shape_is_read_or_left_alone() -> None:
    for path in paths(DRAFT):
        for value in ODD:
            bundle = {"entry": [{"resource": changed(DRAFT, path, value)}, {"resource": DRAFT | {"id": "neighbour"}}]}
            found = [draft.order.evidence for draft in read_orders(bundle)]
            assert "MedicationRequest/neighbour" in found
            also_ordered(bundle)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_json_at_all_breaks_the_reader_of_drafts(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(paths(DRAFT), key=repr)))
    mutant = changed(DRAFT, path, data.draw(JSON))
    read_orders({"entry": [{"resource": mutant}]}, ["x"], referenced={"Condition/1": mutant})
