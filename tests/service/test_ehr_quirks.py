"""Servers that differ from the specification as Epic, Oracle Health, Canvas and HAPI do."""

import re
from typing import Any

from cds_service.clinical.record import SourceState

LONG_ID = "e" + "Ab3.-" * 38 + "xyz"  # 194 characters, as Epic's may be


def test_epic_says_nothing_found_by_an_outcome_entry(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    nothing = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [
        {"search": {"mode": "outcome"}, "resource": synthetic.outcome("warning")}]}  # fmt: skip
    for kind in ("Observation", "Condition", "MedicationAdministration", "MedicationRequest"):
        ehr.quirks[kind] = lambda _: synthetic.answer(nothing)
    chart = read_chart(None, ehr)
    for part in ("laboratory", "conditions", "infusions", "prescriptions"):
        assert (chart.part(part).resources, chart.part(part).state) == ((), SourceState.READ)
        assert [issue.code for issue in chart.part(part).issues] == ["ehr-remark"]


def test_epic_ids_with_dots_and_194_characters_are_read(ehr: Any, read_chart: Any) -> None:
    assert len(LONG_ID) == 194
    ehr.holds({"resourceType": "Medication", "id": LONG_ID})
    ehr.holds({
        "resourceType": "MedicationAdministration", "id": "g", "subject": {"reference": "Patient/p1"},
        "medicationReference": {"reference": f"Medication/{LONG_ID}", "display": "inFLIXimab"},
    })  # fmt: skip
    assert list(read_chart(None, ehr).referenced) == [f"Medication/{LONG_ID}"]


def test_epic_ignores_include_so_that_none_is_sent(ehr: Any, read_chart: Any) -> None:
    read_chart(None, ehr)
    assert not any(name.startswith(("_include", "_sort")) for r in ehr.requests for name in r.args)


def test_oracle_gets_a_prefix_and_a_time_and_no_parameter_it_does_not_know(
    ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    known = {"patient", "_id", "status", "performer", "effective-time", "_count"}

    def strictly(request: Any) -> Any:
        time = request.args.get("effective-time", "")
        right = set(request.args) <= known and re.fullmatch(r"(ge|gt|le|lt)\d{4}-\d\d-\d\dT.+Z", time)
        return synthetic.answer(synthetic.searchset() if right else synthetic.outcome("fatal"), 200 if right else 400)

    ehr.quirks["MedicationAdministration"] = strictly
    assert read_chart(None, ehr).part("infusions").state is SourceState.READ
    assert all(int(r.args["_count"]) <= 200 for r in ehr.requests if "_count" in r.args)


def test_canvas_gives_relative_next_links_and_pages_of_ten(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.page_size, ehr.next_style = 10, "relative"
    ehr.holds(*(synthetic.observation(n) for n in range(35)))
    assert len(read_chart(None, ehr).part("laboratory").resources) == 35


def test_hapi_pages_by_an_opaque_link_on_the_base_itself(
    ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    del full_prefetch["laboratory"]
    pages = [synthetic.searchset(synthetic.observation(n)) for n in (2, 3)]
    pages[0]["link"] = [{"relation": "next", "url": f"{ehr.base}?_getpages=x&_getpagesoffset=2"}]
    for offset, page in zip("12", pages, strict=True):
        ehr.server.expect_request("/fhir", query_string=f"_getpages=x&_getpagesoffset={offset}").respond_with_json(page)
    first = synthetic.searchset(synthetic.observation(1), next_link=f"{ehr.base}?_getpages=x&_getpagesoffset=1")
    ehr.quirks["Observation"] = lambda _: synthetic.answer(first)
    assert len(read_chart(full_prefetch, ehr).part("laboratory").resources) == 3
