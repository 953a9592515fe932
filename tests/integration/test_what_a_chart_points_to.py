"""A Specimen by reference, a dispense and a form on a real FHIR server: found, read, and told as what they are."""

from datetime import datetime, timedelta
from typing import Any

from cds_service.chart.gather import gather
from cds_service.chart.paging import Reading
from cds_service.chart.request import ChartRequest
from cds_service.clinical.record import SourceState
from cds_service.outgoing import Deadline
from cds_service.site.settings import Fhir, Settings
from cds_service.site.site import open_site
from cds_service.trust.origins import read_base
from fhir_mappings.read import read_record
from tests.integration.conftest import held

CHILD = "ifxcds-pointing-1"
SUBJECT = {"reference": f"Patient/{CHILD}"}


def chart(day: str) -> list[dict[str, Any]]:
    """A synthetic child whose level was drawn at eight and resulted at three."""
    tube = {"collectedDateTime": f"{day}T08:00:00Z"}
    code = {"coding": [{"system": "http://loinc.org", "code": "39803-2"}]}
    value = {"value": 1.7, "unit": "ug/mL", "system": "http://unitsofmeasure.org", "code": "ug/mL"}
    points = [{"url": "http://hl7.org/fhir/StructureDefinition/ordinalValue", "valueDecimal": 5}]
    answer = {"valueCoding": {"system": "urn:synthetic:answers", "code": "a", "display": "some", "extension": points}}
    question = {"linkId": "1", "text": "PCDAI, perirectal disease", "answer": [answer]}
    return [
        {"resourceType": "Patient", "id": CHILD, "birthDate": "2014-07-01"},
        {"resourceType": "Specimen", "id": f"{CHILD}-tube", "subject": SUBJECT, "collection": tube},
        {
            "resourceType": "Observation", "id": f"{CHILD}-level", "status": "final", "subject": SUBJECT, "code": code,
            "effectiveDateTime": f"{day}T15:00:00Z", "valueQuantity": value,
            "specimen": {"reference": f"Specimen/{CHILD}-tube"},
        },
        {
            "resourceType": "MedicationDispense", "id": f"{CHILD}-pen", "status": "completed", "subject": SUBJECT,
            "medicationCodeableConcept": {"text": "Zymfentra 120 mg/mL"}, "whenHandedOver": f"{day}T16:00:00Z",
        },
        {
            "resourceType": "QuestionnaireResponse", "id": f"{CHILD}-form", "status": "completed", "subject": SUBJECT,
            "authored": f"{day}T09:00:00Z", "item": [question],
        },
    ]  # fmt: skip


def test_all_three_are_read_from_the_server(fhir_base: str, as_of: datetime) -> None:
    site = open_site(Settings(fhir=Fhir(allowed_servers=(fhir_base,), deadline_seconds=10.0)))
    since, yesterday = as_of - site.look_back, f"{as_of - timedelta(days=1):%Y-%m-%d}"
    with held(fhir_base, chart(yesterday)):
        reading = Reading(
            ChartRequest(CHILD, server=read_base(fhir_base)), site.client, site.limits, Deadline.after(30)
        )
        raw = gather(reading, site.searches, since, site.tables)
    record = read_record(raw, since=since, until=as_of, tables=site.tables)
    assert set(record.sources.values()) == {SourceState.READ}
    assert [one.drawn.at.hour for one in record.levels if one.drawn] == [8]
    assert [(one.concept, one.reading.value) for one in record.measurements] == [("perianal_item", 5)]
    assert record.infusions == ()
    assert [(i.code, i.evidence) for i in record.issues if i.about == "infusion"] == [
        ("infusion-inferred", f"MedicationDispense/{CHILD}-pen")
    ]
