"""Following `next`: verbatim, on this server only, up to a cap, never in a circle."""

from typing import Any

import pytest

from cds_service.chart.request import Limits
from cds_service.clinical.record import SourceState
from cds_service.errors import MissingData


def _ids(chart: Any) -> list[str]:
    return [resource["id"] for resource in chart.part("laboratory").resources]


@pytest.mark.parametrize("style", ["absolute", "relative"])
def test_every_page_is_read(style: str, ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.page_size, ehr.next_style = 2, style
    ehr.holds(*(synthetic.observation(n) for n in range(5)))
    assert _ids(read_chart(None, ehr)) == [f"level-{n}" for n in range(5)]


def test_an_opaque_next_link_is_followed_verbatim(
    ehr: Any, full_prefetch: Any, read_chart: Any, synthetic: Any
) -> None:
    del full_prefetch["laboratory"]
    link = f"{ehr.base}?_getpages=0d2c%7Cx&_pretty=true&_bundletype=searchset"
    ehr.server.expect_request("/fhir").respond_with_json(synthetic.searchset(synthetic.observation(2)))
    ehr.quirks["Observation"] = lambda _: synthetic.answer(
        synthetic.searchset(synthetic.observation(1), next_link=link)
    )
    assert _ids(read_chart(full_prefetch, ehr)) == ["level-1", "level-2"]
    last, _ = ehr.server.log[-1]
    assert last.full_path == "/fhir?_getpages=0d2c%7Cx&_pretty=true&_bundletype=searchset"


def test_a_loop_of_pages_is_missing_data(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    there, back = f"{ehr.base}/a", f"{ehr.base}/b"
    ehr.quirks["Observation"] = lambda _: synthetic.answer(
        synthetic.searchset(synthetic.observation(1), next_link=there)
    )
    ehr.quirks["a"] = lambda _: synthetic.answer(synthetic.searchset(synthetic.observation(2), next_link=back))
    ehr.quirks["b"] = lambda _: synthetic.answer(synthetic.searchset(synthetic.observation(3), next_link=there))
    with pytest.raises(MissingData, match="circle"):
        read_chart(None, ehr)


def test_the_page_cap_leaves_an_incomplete_part_that_says_so(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.page_size = 1
    ehr.holds(*(synthetic.observation(n) for n in range(30)))
    part = read_chart(None, ehr, limits=Limits(max_pages=4)).part("laboratory")
    assert len(part.resources) == 4
    assert part.state is SourceState.INCOMPLETE
    assert [issue.code for issue in part.issues] == ["older-results-not-read"]


def test_the_entry_cap_stops_paging_too(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.page_size = 3
    ehr.holds(*(synthetic.observation(n) for n in range(30)))
    part = read_chart(None, ehr, limits=Limits(max_entries=5)).part("laboratory")
    assert (len(part.resources), part.state) == (6, SourceState.INCOMPLETE)


def test_a_cap_reached_without_anything_usable_is_missing_data(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.quirks["Observation"] = lambda request: synthetic.answer(
        synthetic.searchset(next_link=f"{ehr.base}/Observation?_offset={int(request.args.get('_offset', 0)) + 1}")
    )
    with pytest.raises(MissingData, match="nothing usable on the first 3 pages"):
        read_chart(None, ehr, limits=Limits(max_pages=3))


def test_exactly_as_many_pages_as_allowed_are_complete(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.page_size = 1
    ehr.holds(*(synthetic.observation(n) for n in range(4)))
    assert read_chart(None, ehr, limits=Limits(max_pages=4)).part("laboratory").state is SourceState.READ


def test_a_failing_later_page_is_missing_data_and_names_the_page(ehr: Any, read_chart: Any, synthetic: Any) -> None:
    ehr.quirks["page-two"] = lambda _: synthetic.answer({}, 503)
    ehr.quirks["Observation"] = lambda _: synthetic.answer(
        synthetic.searchset(synthetic.observation(1), next_link=f"{ehr.base}/page-two")
    )
    with pytest.raises(MissingData, match="on page 2 the FHIR server answered 503"):
        read_chart(None, ehr)


@pytest.mark.parametrize("link", ["http://evil.example/fhir/x", "//evil.example/x", "/../admin", "", 7])
def test_a_next_link_that_leaves_the_server_is_missing_data(
    link: Any, ehr: Any, read_chart: Any, synthetic: Any
) -> None:
    bundle = synthetic.searchset(synthetic.observation(1))
    bundle["link"] = [{"relation": "self", "url": "x"}, {"relation": "next", "url": link}]
    ehr.quirks["Observation"] = lambda _: synthetic.answer(bundle)
    with pytest.raises(MissingData, match="leaves the FHIR server"):
        read_chart(None, ehr)


def test_the_page_size_of_the_site_is_asked_for(ehr: Any, read_chart: Any) -> None:
    read_chart(None, ehr, limits=Limits(page_size=50))
    assert {request.args.get("_count") for request in ehr.requests if request.args} == {"50"}
