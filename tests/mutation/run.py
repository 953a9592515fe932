"""Which place of the medicine could be wrong without a test failing?

One small change at a time, each in a process of its own; prints those that no check noticed. See docs/mutation.md.
"""

import argparse
import ast
import importlib.abc
import importlib.machinery
import io
import multiprocessing
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "cds_service.clinical"
MODULES = ("advice", "entries", "facts", "trough", "antibody", "timeline", "courses")
# The likeliest to notice come first; the generated charts are left out, being slow and drawn by chance.
CHECKS = (
    ("tests/clinical/test_rows_of_the_precedence_table.py", "tests/clinical/test_a_level_is_qualified.py"),
    ("tests/clinical", "tests/spec"),
)
QUIET = ("-x", "-q", "-p", "no:cacheprovider", "--assert=plain", "--ignore=tests/clinical/test_laws_of_the_advice.py")
OURS = ("cds_service", "cards", "fhir_mappings", "tests")
BORDERS = ((ast.Lt, ast.LtE), (ast.Gt, ast.GtE))
DENIALS = ((ast.Lt, ast.GtE), (ast.Gt, ast.LtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn))
REVERSED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
OPPOSITE = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Change:
    """One place of one module, what stands there, what is put instead, and the whole text that this leaves."""

    module: str
    place: str
    before: str
    after: str
    text: str


def other_conditions(node: ast.AST) -> Iterator[ast.expr]:
    """What may stand in the place of a comparison or of what joins several."""
    match node:
        case ast.Compare(left, signs, rest):
            for i, sign in enumerate(signs):
                for other in {b if type(sign) is a else a for a, b in BORDERS + DENIALS if type(sign) in (a, b)}:
                    yield ast.Compare(left, [*signs[:i], other(), *signs[i + 1 :]], rest)
        case ast.BoolOp(sign, parts):
            yield ast.BoolOp(ast.Or() if isinstance(sign, ast.And) else ast.And(), parts)
            for i in range(len(parts)):
                kept = parts[:i] + parts[i + 1 :]
                yield ast.BoolOp(sign, kept) if len(kept) > 1 else kept[0]
        case ast.IfExp(test, body, orelse):
            yield ast.IfExp(test, orelse, body)


def other_values(node: ast.AST) -> Iterator[ast.expr]:
    """What may stand in the place of a number, a sign or a choice among numbers."""
    match node:
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as sign, right):
            yield ast.BinOp(left, REVERSED[type(sign)](), right)
        case ast.Constant(bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(int() | float() as value):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Call(ast.Name(name), arguments, keywords) if name in OPPOSITE:
            yield ast.Call(ast.Name(OPPOSITE[name]), arguments, keywords)


def places(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Every expression that runs, with each other form of it; not annotations, decorators or sentences."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not isinstance(child, ast.JoinedStr):
                yield from places(child)
    if isinstance(node, ast.expr):
        yield from ((node, form) for form in (*other_conditions(node), *other_values(node)))
    if isinstance(node, ast.Return) and node.value and not isinstance(node.value, ast.Constant):
        yield node.value, ast.Constant(None)
    yield from ((test, ast.Constant(True)) for test in getattr(node, "ifs", ()))


def changes(module: str) -> Iterator[Change]:
    source = (ROOT / PACKAGE.replace(".", "/") / f"{module}.py").read_bytes()
    lines = source.splitlines(keepends=True)
    for node, form in places(ast.parse(source)):
        start = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
        end = sum(map(len, lines[: (node.end_lineno or 1) - 1])) + (node.end_col_offset or 0)
        after = ast.unparse(ast.fix_missing_locations(form))
        text = (source[:start] + f"({after})".encode() + source[end:]).decode()
        yield Change(module, f"{node.lineno}:{node.col_offset}", ast.unparse(node), after, text)


class Changed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Gives the changed text of one module instead of its file's."""

    def __init__(self, change: Change) -> None:
        self.name, self.text = f"{PACKAGE}.{change.module}", change.text

    def find_spec(self, fullname: str, *_: object) -> importlib.machinery.ModuleSpec | None:
        return importlib.machinery.ModuleSpec(fullname, self) if fullname == self.name else None

    def get_source(self, _: str) -> str:
        return self.text


def run_checks() -> int:
    """How the checks end: pytest's exit code, the first that is not 0."""
    for name in [name for name in sys.modules if name.split(".")[0] in OURS]:
        del sys.modules[name]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return next((int(end) for stage in CHECKS if (end := pytest.main([*QUIET, *stage]))), 0)


def judge(change: Change) -> tuple[Change, str]:
    sys.meta_path.insert(0, Changed(change))
    return change, "killed" if run_checks() else "survived"


def main() -> None:
    parser = argparse.ArgumentParser(description="Change the decision one place at a time.")
    parser.add_argument("modules", nargs="*", default=MODULES)
    parser.add_argument("--every", type=int, default=1, help="only every N-th change of each module")
    told = parser.parse_args()
    if run_checks() != 0:
        sys.exit("the checks fail without any change")
    chosen = [change for module in told.modules for change in list(changes(module))[:: told.every]]
    figures: dict[str, Counter[str]] = {module: Counter() for module in told.modules}
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        for done, (change, end) in enumerate(pool.imap_unordered(judge, chosen, chunksize=1), start=1):
            figures[change.module][end] += 1
            if end == "survived":
                print(f"{end}\t{change.module}:{change.place}\t{change.before}\t->\t{change.after}", flush=True)
            if done % 50 == 0:
                print(f"{done} of {len(chosen)}", file=sys.stderr, flush=True)
    for module, ends in figures.items():
        print(f"{module}: {ends.total()} changes, {ends['killed']} killed, {ends['survived']} survived")


if __name__ == "__main__":
    main()
