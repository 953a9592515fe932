"""The worked cases of tests/spec, as pages show them: the drawing, the facts in words, the conclusion."""

from collections.abc import Iterator

from tests.spec.case import USUAL_INFUSIONS, USUAL_ORDER, USUAL_RESULTS, Case, read_case, read_chapters
from tests.spec.chart import USUAL_ANTIBODY, judge
from tests.spec.drawing import draw
from tests.spec.telling import tell_antibody, tell_facts, tell_infusions, tell_order, tell_result
from tests.spec.verdict import tell_conclusion


def contents() -> str:
    """The questions, each with the number of its cases."""
    counted = {question: sum(map(len, sections.values())) for question, sections in read_chapters().items()}
    return "\n".join(f"- [{question}](#{_anchor(question)}) ({count})" for question, count in counted.items())


def _anchor(question: str) -> str:
    return question.lower().removesuffix("?").replace(" ", "-")


def usual_child() -> str:
    """What holds in every case that does not say otherwise."""
    told = (
        "A synthetic child of 12 years and 40 kg with Crohn's disease coded and nothing else.",
        f"Infusions: {'; '.join(tell_infusions(USUAL_INFUSIONS))}.",
        f"With every level the same sample also gave {tell_antibody(USUAL_ANTIBODY)}.",
        f"Quiet: {' and '.join(map(tell_result, USUAL_RESULTS))}.",
        f"The draft: {tell_order(USUAL_ORDER)}. The hospital's settings are the defaults.",
    )
    return "\n".join(f"- {line}" for line in told)


def example() -> str:
    """One drawing, to explain the marks."""
    levels = [{"value": "8", "before": "8 weeks 1 hour"}, {"value": "3.6", "before": "3 days"}]
    return _drawn(read_case({"title": "An example", "levels": levels, "concludes": {}}, "the example"))


def worked_cases() -> str:
    """Every case, by question and section."""
    return "\n\n".join(_lines())


def _lines() -> Iterator[str]:
    for question, sections in read_chapters().items():
        yield f"## {question}"
        for section, cases in sections.items():
            yield f"### {section}"
            for case in cases:
                yield from _paragraph(case)


def _drawn(case: Case) -> str:
    return f"```text\n{draw(case)}\n```"


def _paragraph(case: Case) -> Iterator[str]:
    yield f"#### {case.title}"
    yield _drawn(case)
    yield tell_facts(case)
    yield f"→ {tell_conclusion(case.concludes, judge(case))}"
    if case.not_yet:
        yield f"**Should be so, but is not yet:** {case.not_yet}."
