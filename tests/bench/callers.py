"""What it costs to admit a call: signature, claims and the entry of the used token; then the file under contention.

Run as `python tests/bench/callers.py` from the top of the repository.
"""

import multiprocessing
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from cds_service.site.callers import CallersSection
from cds_service.trust.used_tokens import UsedTokens
from tests.service.tokens import SIGN, caller, ec_signer, key_file, rsa_signer

CALLS = 2000
THREADS = 8
ENTRIES = 1000  # of each thread
PAUSE_S = 0.01


def main() -> None:
    """Print one line for each algorithm and one for the file."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        section = CallersSection(allowed=(caller(key_set_file=str(key_file(folder))),))
        callers = section.open(name, development=False)
        callers.prepare()
        for signer in (rsa_signer(), ec_signer()):
            headers = [f"Bearer {signer.token()}" for _ in range(CALLS)]
            print(f"admit, {signer.algorithm}: {told([timed(callers.admit, header, SIGN) for header in headers])}")
        print(f"entries of 2 processes with {THREADS} threads each: {told(contended(folder))}")


def timed(work: Callable[..., Any], *arguments: Any) -> float:
    begin = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - begin


def told(seconds: list[float]) -> str:
    ordered = sorted(seconds)
    median, late, last = (ordered[int(part * (len(ordered) - 1))] * 1000 for part in (0.5, 0.99, 1))
    return f"median {median:.3f} ms, p99 {late:.3f} ms, longest {last:.1f} ms ({len(ordered)} calls)"


def contended(folder: Path) -> list[float]:
    queue: Any = multiprocessing.Queue()
    processes = [multiprocessing.Process(target=enter, args=(folder, number, queue)) for number in range(2)]
    for process in processes:
        process.start()
    taken = [second for _ in processes for second in queue.get()]
    for process in processes:
        process.join()
    return taken


def enter(folder: Path, number: int, queue: Any) -> None:
    used, taken = UsedTokens(folder), list[float]()

    def run(thread: int) -> None:
        for entry in range(ENTRIES):
            taken.append(timed(used.take, "issuer", f"{number}-{thread}-{entry}", time.time() + 300))
            time.sleep(PAUSE_S)

    threads = [threading.Thread(target=run, args=(thread,)) for thread in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    queue.put(taken)


if __name__ == "__main__":
    main()
