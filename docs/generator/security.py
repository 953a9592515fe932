"""What the security page promises, each promise with the tests that hold it."""

from generator.layout import data, table
from generator.safety import links

SOURCE = "security.toml"


def threats() -> str:
    """Threat, control, what is left and tests."""
    rows = [
        (number, row["threat"], row["control"], row.get("left", "–"), links(row["tests"], SOURCE))
        for number, row in data(SOURCE)["threat"].items()
    ]
    return table(("Id", "Threat", "What stands against it", "What is left", "Tests"), rows)


def faults() -> str:
    """Fault, our answer and tests."""
    rows = [(row["fault"], row["answer"], links(row["tests"], SOURCE)) for row in data(SOURCE)["fault"].values()]
    return table(("What goes wrong", "What we do", "Tests"), rows)
