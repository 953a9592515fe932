"""What it costs to read one bundle of 62 resources into the record: `python tests/bench/reading.py`.

50 Observations and 12 MedicationAdministrations of a bundled synthetic child. On a busy machine the fastest turn says
more than the median: it is what a quiet core takes.
"""

import argparse
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

from cds_service import patients
from cds_service.hooks import clock
from fhir_mappings.chart import ChartPart, RawChart
from fhir_mappings.read import read_record
from tests.bench.workload import ADMINISTRATIONS, CHILD, OBSERVATIONS, build_workload

LOOK_BACK = timedelta(days=1095)
AIM = "< 1"


def measure_reading(repeats: int) -> Iterator[tuple[str, float, str]]:
    """Name, ms, and what was aimed at."""
    until = clock.now()
    chart = build_workload(until).chart
    wanted = ("Observation", "MedicationAdministration")
    bundle = tuple(resource for resource in chart if resource["resourceType"] in wanted)
    if len(bundle) != OBSERVATIONS + ADMINISTRATIONS:
        raise ValueError(f"{OBSERVATIONS + ADMINISTRATIONS} resources expected, got {len(bundle)}")
    raw = RawChart(patients.load(CHILD).id, {"everything": ChartPart(bundle)})
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        record = read_record(raw, since=until - LOOK_BACK, until=until)
        taken.append((time.perf_counter() - begun) * 1000)
    if not (record.levels and record.infusions and record.measurements):
        raise RuntimeError("a record with levels, infusions and values expected")
    yield "fastest", min(taken), AIM
    yield "median", median(taken), AIM
    yield "first, nothing remembered yet", taken[0], ""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure how long reading one bundle of 62 resources takes.")
    parser.add_argument("--repeats", type=int, default=1000, help="how often it is read (default 1000)")
    repeats = parser.parse_args().repeats
    print(f"Command  {shlex.join([Path(sys.executable).name, *sys.orig_argv[1:]])}")
    print(f"Machine  {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}")
    for line in told(repeats):
        print(line)


def told(repeats: int) -> Iterator[str]:
    """The figures as lines of a report."""
    yield f"Reading one bundle of {OBSERVATIONS + ADMINISTRATIONS} resources, in process (ms)"
    for name, ms, aim in measure_reading(repeats):
        yield f"    {name:<34}{ms:>7.3f}  {aim and f'aim {aim}'}".rstrip()


if __name__ == "__main__":
    main()
