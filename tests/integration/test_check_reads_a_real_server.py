"""`infliximab-cds check` on a real FHIR server: exact numbers over the bundled children, and a badly mapped site."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from cds_service import patients
from cds_service.chart.gather import gather
from cds_service.chart.paging import Reading
from cds_service.check.coverage import cover, together
from cds_service.hooks.access import ask_for_chart
from cds_service.hooks.request import read_hook_request
from cds_service.site.settings import Settings
from cds_service.site.site import open_site
from fhir_mappings.read import read_record
from fhir_mappings.rows import columns_of
from fhir_mappings.searches import load_searches
from tests.check.hospital import chart
from tests.integration.conftest import CHILDREN, FHIR_JSON, held

Json = dict[str, Any]
LOCAL = ("ifxcds-check-local-1", "ifxcds-check-local-2")


@pytest.fixture(scope="session")
def warm(fhir_base: str) -> str:
    """The server after each kind of search was answered once: the first ones after its start take seconds."""
    for search in load_searches():
        path = "Patient/" if search.resource_type == "Patient" else f"{search.resource_type}?patient="
        requests.get(f"{fhir_base}/{path}{CHILDREN[0].id}", timeout=60, headers=FHIR_JSON).raise_for_status()
    return fhir_base


@pytest.fixture
def config(warm: str, tmp_path: Path) -> Path:
    path = tmp_path / "site.toml"
    servers = f'[fhir]\nallowed_servers = ["{warm}"]\ndeadline_seconds = 10.0\n'
    path.write_text(servers + '[site]\nname = "North"\ntime_zone = "UTC"\n')
    return path


def run(config: Path, fhir_base: str, ids: list[str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "cds_service.cli", "check", "--config", str(config), "--server", fhir_base]
    listed = ["--patients", "-"] if ids else []
    return subprocess.run(
        [*command, *listed, *arguments], input="\n".join(ids), capture_output=True, text=True, check=False
    )


def document(config: Path, fhir_base: str, ids: list[str], *arguments: str) -> Json:
    done = run(config, fhir_base, ids, "--json", *arguments)
    assert done.stdout, done.stderr
    return {**json.loads(done.stdout), "exit": done.returncode}


def test_the_bundled_children_are_counted_as_their_prefetch_says(config: Path, fhir_base: str, as_of: datetime) -> None:
    told = document(config, fhir_base, [child.id for child in CHILDREN], "--sample", "1000")
    expected = together(prefetched(child, as_of) for child in CHILDREN)
    assert told["charts"]["refusals"] == []
    # A busy machine may take longer than a hook call has; that is told, and costs no number.
    missing = [finding["code"] for finding in told["findings"] if finding["state"] == "missing"]
    assert (set(missing) - {"charts-slow"}, told["charts"]["read"]) == (set(), len(CHILDREN))
    assert {row["key"]: (row["number"], row["of"]) for row in told["charts"]["coverage"]} == {
        share.key: (share.number, share.of) for share in expected.shares()
    }
    assert told["charts"]["antibodies_by_assay"] == dict(expected.assays.most_common())
    assert {row["concept"]: row["values"] for row in told["charts"]["results"]} == dict(expected.results)
    assert told["capability_lacks"] == []
    assert told["charts"]["conformance"]["rules"] == []


def prefetched(child: patients.SyntheticPatient, as_of: datetime) -> Any:
    site = open_site(Settings())
    request = read_hook_request(patients.hook_request(child, "order-sign", as_of), "order-sign")
    reading = Reading(
        ask_for_chart(request, site.allowed, site.own_access, site.client),
        site.client,
        site.limits,
        site.reading_deadline(),
    )
    since = as_of - site.look_back
    return cover(
        read_record(gather(reading, site.searches, since, site.tables), since=since, until=as_of, tables=site.tables)
    )


def test_what_each_trap_among_the_children_is_counted_as(config: Path, fhir_base: str) -> None:
    names = ("low-trough", "dose-not-charted", "undated-level", "unknown-unit", "date-only-sample")
    told = document(config, fhir_base, [patients.load(name).id for name in names])
    rows = {row["key"]: (row["number"], row["of"]) for row in told["charts"]["coverage"]}
    infusions = rows["infusions_with_mg"][1]
    assert rows["charts_with_crohns"] == rows["charts_with_weight"] == (5, 5)
    assert rows["infusions_with_mg"] == (infusions - 1, infusions)
    assert rows["levels_usable"] == (3, 5)
    assert rows["levels_with_time"] == (3, 5)


def test_children_are_found_on_a_server_that_can_search_across_patients(config: Path, fhir_base: str) -> None:
    told = document(config, fhir_base, [], "--sample", "4")
    assert (told["charts"]["asked"], told["charts"]["read"]) == (4, 4)
    assert told["charts"]["found_by"] == "a search of MedicationAdministration by mapped codes"


def test_an_unknown_child_is_told_by_its_reason_only(config: Path, fhir_base: str) -> None:
    told = document(config, fhir_base, ["child-of-no-server"])
    assert (told["exit"], told["charts"]["read"]) == (1, 0)
    assert "child-of-no-server" not in json.dumps(told)
    assert "answered 404" in told["charts"]["refusals"][0]["reason"]


@pytest.fixture
def badly_mapped(fhir_base: str) -> Iterator[list[str]]:
    """Two more children, under the hospital's own codes for everything; taken back afterwards."""
    with held(fhir_base, [resource for child in LOCAL for resource in chart(child, local=True)]):
        yield list(LOCAL)


def test_pasting_the_rows_of_a_badly_mapped_site_makes_the_next_check_clean(
    config: Path, fhir_base: str, badly_mapped: list[str]
) -> None:
    told = document(config, fhir_base, badly_mapped)
    assert told["exit"] == 1
    assert {one["code"] for one in told["charts"]["unmapped"]} == {"IFX1", "IFXAB", "WT", "4711", "CD"}
    folder = config.parent / "tables"
    folder.mkdir()
    for one in told["charts"]["unmapped"]:
        for row in one["rows"]:
            _paste(folder / row["table"], row["row"])
    config.write_text(config.read_text() + 'tables_folder = "tables"\n')
    told = document(config, fhir_base, badly_mapped)
    assert (told["exit"], told["verdict"], told["charts"]["unmapped"], told["charts"]["doubts"]) == (0, "ready", [], [])
    assert all(row["number"] == row["of"] == 2 for row in told["charts"]["coverage"])


def _paste(table: Path, row: str) -> None:
    held = table.read_text().splitlines() if table.exists() else [columns_of(table.name)]
    table.write_text("\n".join([*held, *([] if row in held else [row])]) + "\n")


def test_the_report_names_no_child(config: Path, fhir_base: str) -> None:
    ids = [child.id for child in CHILDREN]
    done = run(config, fhir_base, ids, "--sample", "1000", "--no-ids")
    assert done.returncode == 0
    assert [child for child in ids if child in done.stdout + done.stderr] == []
