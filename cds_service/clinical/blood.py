"""Do liver values and blood counts speak against more drug?

Question: must something be clarified before more is given? Source: the clinical contract, section 2, notes; sentences
in knowledge/notes.toml. Only the newest value of each, and none older than 12 weeks.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from cds_service.clinical.knowledge import note
from cds_service.clinical.moments import days_ago
from cds_service.clinical.record import DataIssue, Measurement, TreatmentRecord

LIVER, LEUKOPENIA, THROMBOCYTOPENIA = "liver", "leukopenia", "thrombocytopenia"
RECENT_DAYS = 84  # J: an older liver value or blood count is not worth a warning
LIVER_MULTIPLE = 3.0
LOWEST_LEUKOCYTES = 3.0  # J, 10*9/L
LOWEST_PLATELETS = 100.0  # J, 10*9/L


def read_blood(record: TreatmentRecord, as_of: datetime) -> Iterator[DataIssue]:
    """What is to be clarified before more drug is given."""
    for m in _newest(record, "alt", as_of):
        if m.upper_limit is not None and m.reading.low > LIVER_MULTIPLE * m.upper_limit:
            yield note(LIVER, value=f"{m.reading.value:g}", evidence=m.evidence)
    for concept, lowest, code in (
        ("leukocytes", LOWEST_LEUKOCYTES, LEUKOPENIA),
        ("platelets", LOWEST_PLATELETS, THROMBOCYTOPENIA),
    ):
        for m in _newest(record, concept, as_of):
            if m.reading.high < lowest:
                yield note(code, value=f"{m.reading.value:g}", evidence=m.evidence)


def _newest(record: TreatmentRecord, concept: str, as_of: datetime) -> Sequence[Measurement]:
    return [m for m in record.measured(concept)[-1:] if days_ago(m.at, as_of) <= RECENT_DAYS]
