"""The files of the bundled children: each is read strictly and is believable."""

import re
from datetime import timedelta
from importlib import resources as packaged

import pytest

from cds_service.errors import ConfigurationError
from cds_service.patients import load, names
from cds_service.patients.codings import codings, read_codings
from cds_service.patients.patient import read_patient

LOW_TROUGH = packaged.files("cds_service.patients").joinpath("low-trough.toml").read_text("utf-8")
RULES = set(range(1, 22))


def test_there_is_a_child_for_every_row_of_the_precedence_table() -> None:
    assert {load(name).expect.rule for name in names()} >= RULES


@pytest.mark.parametrize("name", names())
def test_every_file_loads_and_says_that_it_is_synthetic(name: str) -> None:
    text = packaged.files("cds_service.patients").joinpath(f"{name}.toml").read_text("utf-8")
    assert text.startswith("# Synthetic:")
    assert load(name).name == name


@pytest.mark.parametrize("name", names())
def test_every_story_is_read_in_half_a_minute(name: str) -> None:
    patient = load(name)
    assert len(patient.title) <= 70
    assert "\n" not in patient.story
    assert 5 <= len(patient.story.split()) <= 60


@pytest.mark.parametrize("name", names())
def test_doses_and_weights_are_those_of_a_child_on_infliximab(name: str) -> None:
    given = load(name).infliximab.infusions
    for weeks, dose, kg in given:
        assert weeks > 0
        assert dose == "not charted" or 4.2 <= dose / kg <= 10.5
    assert [row[0] for row in given] == sorted((row[0] for row in given), reverse=True)
    assert [row[2] for row in given] == sorted(row[2] for row in given)


@pytest.mark.parametrize("name", names())
def test_no_sample_is_drawn_after_the_order(name: str) -> None:
    spans = [row.before for rows in load(name).results.values() for row in rows if row.before is not None]
    assert all(span.months > 0 or span.rest >= timedelta(hours=1) for span in spans)


def test_a_name_that_is_not_bundled_is_refused() -> None:
    with pytest.raises(KeyError, match="nobody"):
        load("nobody")
    with pytest.raises(KeyError, match="tables/codings"):
        load("tables/codings")


def test_the_bundled_file_is_the_one_that_the_faults_below_start_from() -> None:
    assert read_patient("low-trough", LOW_TROUGH) == load("low-trough")


FAULTS = (
    ("unknown key", 'sex = "female"', 'sex = "female"\nheight = 150', "child.height: Unexpected keyword"),
    ("unknown key at the top", 'title = "', 'colour = "red"\ntitle = "', "colour: Unexpected keyword"),
    ("missing key", 'sex = "female"\n', "", "child.sex: Field required"),
    ("other sex", '"female"', '"girl"', "child.sex: Input should be 'female' or 'male'"),
    ("span", '"12 years 4 months"', '"twelve years"', "child.age: Value error, expected a span such as"),
    (
        "span in a row",
        'before = "63 weeks"',
        'before = "63 wk"',
        "results.total_protein.0.before: Value error",
    ),
    ("amount", '"1.7 ug/mL"', '"low"', "results.level.0.value: Value error, expected an amount such as"),
    (
        "sign of a result",
        'value = "1.7 ug/mL"',
        'value = "none", sign = "perhaps"',
        "'perhaps' is no row of signs in tables/codings.toml",
    ),
    ("rhythm", 'every = "8 weeks"', 'every = "q8w"', "order.every: Value error, expected a rhythm such as"),
    ("dose of the order", 'dose = "200 mg"', 'dose = "none"', "order.dose: "),
    ("result name", "\nalbumin =", "\nalbumen =", "'albumen' is no row of results in tables/codings.toml"),
    (
        "number as text",
        "weight_kg = 38.2",
        'weight_kg = "38.2"',
        "child.weight_kg: Input should be a valid number",
    ),
    (
        "weight of nothing",
        "weight_kg = 38.2",
        "weight_kg = 0",
        "child.weight_kg: Input should be greater than 0",
    ),
    ("advice kind", '"shorten_interval"', '"shorten"', "expect.kind: Input should be"),
    ("not TOML", "[child]", "[child", "Expected ']'"),
)


@pytest.mark.parametrize(("written", "instead", "said"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_in_a_file_is_named_with_file_and_key(written: str, instead: str, said: str) -> None:
    assert written in LOW_TROUGH
    with pytest.raises(ConfigurationError, match=r"^low-trough\.toml: .*" + re.escape(said)):
        read_patient("low-trough", LOW_TROUGH.replace(written, instead, 1))


def test_every_fault_of_a_file_is_named_at_once() -> None:
    broken = LOW_TROUGH.replace('sex = "female"', "").replace('"8 weeks"', '"often"')
    with pytest.raises(ConfigurationError) as raised:
        read_patient("low-trough", broken)
    assert [line.split(":")[1].strip() for line in raised.value.diagnostics] == ["child.sex", "order.every"]


def test_a_fault_in_the_table_of_codes_is_named_with_file_and_row() -> None:
    text = packaged.files("cds_service.patients").joinpath("tables", "codings.toml").read_text("utf-8")
    assert read_codings(text) == codings()
    with pytest.raises(ConfigurationError, match=r"^codings\.toml: drugs\.infliximab\.rxnorm: Field required"):
        read_codings(text.replace('rxnorm = "191831", ', ""))
    with pytest.raises(ConfigurationError, match=r"^codings\.toml: results\.crp\.color: Unexpected keyword"):
        read_codings(text.replace('{ text = "C reactive protein"', '{ color = "red", text = "C reactive protein"'))
