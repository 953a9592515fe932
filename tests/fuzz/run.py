"""The long campaigns against the service: `make fuzz`. Every finding is printed, its body written to build/fuzz.

`bytes` spoils the bytes of valid requests, `charts` changes one thing in a chart, `operations` calls everything that
the OpenAPI file describes. `--replay FILE` sends a body that was written once more and tells what is wrong.
"""

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from cds_service.operations.log import set_up_log
from tests.fuzz.campaign import Finding, Tally
from tests.fuzz.laws import attack_charts
from tests.fuzz.service import Service, faults
from tests.fuzz.spoiled_bytes import Bodies, attack_bytes, valid_bodies

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "fuzz"
COUNTS = {"bytes": 1_000_000, "charts": 100_000, "operations": 2_000}  # of the last, for each operation
PORTION = 500
MOST_KEPT = 20  # findings of one portion
TOLD_EVERY_SECONDS = 10.0

Portion = tuple[str, int, int]


@cache
def _service() -> Service:
    return Service()


@cache
def _bodies() -> Bodies:
    return valid_bodies()


def spoil_bytes(numbers: range) -> Tally:
    """One portion of the campaign with spoiled bytes."""
    return attack_bytes(_service(), numbers, _bodies())


def change_charts(numbers: range) -> Tally:
    """One portion of the campaign with changed charts."""
    return attack_charts(_service(), numbers)


NUMBERED: Mapping[str, Callable[[range], Tally]] = {"bytes": spoil_bytes, "charts": change_charts}


def _work(portion: Portion) -> Tally:
    name, first, count = portion
    return NUMBERED[name](range(first, first + count))


def portions(name: str, first: int, count: int) -> Iterator[Portion]:
    """The numbers of a campaign, so many at a time."""
    for start in range(first, first + count, PORTION):
        yield name, start, min(PORTION, first + count - start)


def run(name: str, first: int, count: int, processes: int) -> Tally:
    """A campaign of numbered calls over several processes, with its progress on standard error."""
    seen, begun, told = Tally(), time.monotonic(), time.monotonic()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for part in pool.imap_unordered(_work, portions(name, first, count)):
            seen.add(part)
            for finding in part.findings[:MOST_KEPT]:
                keep(name, finding)
            if time.monotonic() - told >= TOLD_EVERY_SECONDS:
                told = time.monotonic()
                done = seen.statuses.total()
                left = (told - begun) / done * (count - done)
                print(
                    f"{name}: {done:,} of {count:,}, {len(seen.findings)} findings, {left:.0f} s left",
                    file=sys.stderr,
                    flush=True,
                )
    _tell(name, seen, time.monotonic() - begun)
    return seen


def keep(name: str, finding: Finding) -> None:
    """Write a body down, and say what was wrong with its answer."""
    FOUND.mkdir(parents=True, exist_ok=True)
    file = FOUND / f"{finding.call.service}.{name}-{finding.number}.json"
    file.write_bytes(finding.call.body)
    print(f"{file}: {finding.wrong} ({finding.call.told})", flush=True)


def _tell(name: str, seen: Tally, seconds: float) -> None:
    slowest, number = seen.slowest
    print(f"{name}: {seen.statuses.total():,} requests in {seconds:.0f} s: {_statuses(seen.statuses)}")
    print(f"{name}: slowest {slowest * 1000:.0f} ms (number {number}), {len(seen.findings)} findings", flush=True)


def _statuses(counted: Mapping[int, int]) -> str:
    return ", ".join(f"{count:,} × {status}" for status, count in sorted(counted.items()))


def run_operations(first: int, count: int, processes: int) -> int:
    """Every operation, with requests that are allowed and that are not; how many of these campaigns found something."""
    from tests.fuzz.operations import CAMPAIGNS

    begun, found = time.monotonic(), 0
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        parts = [(name, first, count) for name in CAMPAIGNS]
        for name, told, is_fine in pool.imap_unordered(_examine, parts):
            found += not is_fine
            print(f"operations: {name}: {told}", flush=True)
    print(f"operations: {len(CAMPAIGNS)} × {count:,} requests in {time.monotonic() - begun:.0f} s, {found} findings")
    return found


def _examine(portion: Portion) -> tuple[str, str, bool]:
    from tests.fuzz.operations import examine

    name, first, count = portion
    try:
        return name, _statuses(examine(name, count, first)), True
    except (Exception, BaseExceptionGroup) as found:  # noqa: BLE001 - whatever is found is told
        return name, "\n".join(map(str, (found, *getattr(found, "exceptions", ())))), False


def replay(file: Path) -> int:
    """Send a kept body again; how many things are wrong with the answer."""
    answer = Service().ask(file.name.partition(".")[0], file.read_bytes())
    wrong = list(faults(answer))
    print(
        f"{answer.status} after {answer.seconds * 1000:.0f} ms", answer.body.decode(errors="replace"), *wrong, sep="\n"
    )
    return len(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz the service; every finding is printed and kept.")
    parser.add_argument("campaigns", nargs="*", metavar="CAMPAIGN", default=[*COUNTS], help=", ".join(COUNTS))
    parser.add_argument("--count", type=int, help="calls of each campaign, or of each operation")
    parser.add_argument("--first", type=int, default=0, help="number of the first call: its seed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=Path, help="a body that was kept, sent again")
    told = parser.parse_args()
    if told.replay:
        sys.exit(min(1, replay(told.replay)))
    if unknown := set(told.campaigns) - COUNTS.keys():
        parser.error(f"no campaign of the name {', '.join(sorted(unknown))}")
    set_up_log("critical")  # every refusal would be told, a million of them
    found = 0
    for name in told.campaigns:
        count = told.count or COUNTS[name]
        if name in NUMBERED:
            found += len(run(name, told.first, count, told.processes).findings)
        else:
            found += run_operations(told.first, count, told.processes)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
