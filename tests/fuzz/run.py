"""The long campaigns against the service: `make fuzz`. A finding is written to build/fuzz, to be replayed.

`run.py bytes --count 1000000` spoils bytes, `run.py --replay FILE` sends one body again and tells what is wrong.
"""

import argparse
import logging
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.fuzz.campaign import Finding, Tally, attack
from tests.fuzz.service import Service, faults
from tests.fuzz.spoiled_bytes import Bodies, spoiled_call, valid_bodies

ROOT = Path(__file__).parents[2]
FOUND = ROOT / "build" / "fuzz"
PORTION = 500
MOST_SHOWN = 20
TOLD_EVERY_SECONDS = 10.0

Portion = tuple[str, int, int]


@cache
def _service() -> Service:
    return Service()


@cache
def _bodies() -> Bodies:
    return valid_bodies()


def spoil_bytes(first: int, count: int) -> Tally:
    """One portion of the campaign with spoiled bytes."""
    return attack(_service(), range(first, first + count), lambda seed: spoiled_call(seed, _bodies()))


CAMPAIGNS = {"bytes": (spoil_bytes, 1_000_000)}


def _work(portion: Portion) -> Tally:
    name, first, count = portion
    return CAMPAIGNS[name][0](first, count)


def _portions(name: str, first: int, count: int) -> Iterator[Portion]:
    for start in range(first, first + count, PORTION):
        yield name, start, min(PORTION, first + count - start)


def run(name: str, first: int, count: int, processes: int) -> Tally:
    """A whole campaign over several processes, with its progress on standard error."""
    seen, begun, told = Tally(), time.monotonic(), time.monotonic()
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        for part in pool.imap_unordered(_work, _portions(name, first, count)):
            seen.add(part)
            for finding in part.findings[:MOST_SHOWN]:
                _keep(name, finding)
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


def _keep(name: str, finding: Finding) -> None:
    FOUND.mkdir(parents=True, exist_ok=True)
    file = FOUND / f"{finding.call.service}.{name}-{finding.number}.json"
    file.write_bytes(finding.call.body)
    print(f"{file.relative_to(ROOT)}: {finding.wrong} ({finding.call.told})", flush=True)


def _tell(name: str, seen: Tally, seconds: float) -> None:
    statuses = ", ".join(f"{count:,} × {status}" for status, count in sorted(seen.statuses.items()))
    slowest, number = seen.slowest
    print(f"{name}: {seen.statuses.total():,} requests in {seconds:.0f} s: {statuses}")
    print(f"{name}: slowest {slowest * 1000:.0f} ms (number {number}), {len(seen.findings)} findings", flush=True)


def replay(file: Path) -> int:
    """Send a kept body again; how many things are wrong with the answer."""
    answer = Service().ask(file.name.partition(".")[0], file.read_bytes())
    wrong = list(faults(answer))
    print(f"{answer.status} after {answer.seconds * 1000:.0f} ms", answer.body.decode(errors="replace"), *wrong, sep="\n")
    return len(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fuzz the service; every finding is printed and kept.")
    parser.add_argument("campaigns", nargs="*", default=[*CAMPAIGNS], help=", ".join(CAMPAIGNS))
    parser.add_argument("--count", type=int, help="calls of each campaign")
    parser.add_argument("--seed", type=int, default=0, help="number of the first call")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", type=Path, help="a body that was kept, sent again")
    told = parser.parse_args()
    if told.replay:
        sys.exit(min(1, replay(told.replay)))
    logging.disable(logging.CRITICAL)  # a refusal is logged, and there are a million of them
    counts = {name: told.count or CAMPAIGNS[name][1] for name in told.campaigns}
    found = [run(name, told.seed, count, told.processes).findings for name, count in counts.items()]
    sys.exit(1 if any(found) else 0)


if __name__ == "__main__":
    main()
