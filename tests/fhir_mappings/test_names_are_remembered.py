"""Names of tests and drugs are remembered, short ones and few of them; nothing about a patient is."""

from fhir_mappings.tables import load_tables
from fhir_mappings.vocabulary import LONGEST_NAME, Tables, remembered

ASKED: list[object] = []


@remembered
def find(name: object, tables: Tables) -> int:
    ASKED.append(name)
    return len(ASKED)


def test_a_short_name_is_looked_up_once() -> None:
    ASKED.clear()
    assert [find("infliximab", load_tables()) for _ in range(3)] == [1, 1, 1]


def test_a_long_name_is_never_kept_however_it_is_made_long() -> None:
    ASKED.clear()
    for name in ("x" * (LONGEST_NAME + 1), ("",) * (LONGEST_NAME + 2)):
        find(name, load_tables())
        find(name, load_tables())
    assert len(ASKED) == 4


def test_only_the_names_met_last_are_kept() -> None:
    ASKED.clear()
    for number in range(2_049):
        find(f"name {number}", load_tables())
    find("name 2048", load_tables())
    assert len(ASKED) == 2_049
    find("name 0", load_tables())
    assert len(ASKED) == 2_050
