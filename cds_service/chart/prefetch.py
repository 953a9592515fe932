"""What the EHR sent along for one search: six different outcomes, of which only some are knowledge.

| sent                          | read as                                             |
|-------------------------------|-----------------------------------------------------|
| no such key                   | failure: has to be fetched                          |
| null                          | known to be empty (failure for the patient)         |
| an empty Bundle               | known to be empty                                   |
| an OperationOutcome           | failure; a remark if only information or warning    |
| a Bundle with a `next` link   | the first page: the rest has to be fetched          |
| data                          | data                                                |

Source: CDS Hooks 2.0.1, prefetch (absent key, null, OperationOutcome, paging).
"""

from collections.abc import Mapping

from cds_service.chart.page import Failure, Page, read_page
from fhir_mappings.searches import Search


def read_prefetched(prefetch: Mapping[str, object], search: Search) -> Page | Failure:
    """The prefetched answer to a search. A Failure's reason says why it has to be fetched."""
    if search.name not in prefetch:
        return Failure("not prefetched")
    value = prefetch[search.name]
    if value is None:
        return Failure("prefetched as null") if search.resource_type == "Patient" else Page()
    answer = read_page(value, search)
    return Failure(f"prefetched, but {answer.reason}") if isinstance(answer, Failure) else answer
