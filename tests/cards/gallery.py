"""Every kind of card, as JSON and as a page to look at: `make gallery`, or this file with `--out` and `--update`.

All children shown are invented. `--update` writes the golden cards anew; look at the difference before you keep it.
"""

import argparse
import json
import re
from collections.abc import Iterable
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from cards.write import write_cards
from tests.cards.assessments import CARDS, draft_for, hook_for

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
STYLE = (HERE / "gallery.css").read_text(encoding="utf-8")
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")

Json = dict[str, object]


def cards_of(name: str) -> list[Json]:
    """The cards of one synthetic child, as the EHR receives them."""
    assessment = CARDS[name]
    return [card.to_json() for card in write_cards(assessment, hook=hook_for(name), draft=draft_for(assessment))]


def as_json(card: Json) -> str:
    return json.dumps(card, ensure_ascii=False, indent=2) + "\n"


def as_text(card: Json) -> str:
    """The card as a terminal or a plain-text client shows it."""
    return f"{card['summary']}\n\n{card['detail']}\n"


def update_golden() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for old in GOLDEN.iterdir():
        old.unlink()
    for name in CARDS:
        card = cards_of(name)[0]
        (GOLDEN / f"{name}.json").write_text(as_json(card), encoding="utf-8")
        (GOLDEN / f"{name}.md").write_text(as_text(card), encoding="utf-8")


def render(card: Json) -> str:
    """One card as HTML; everything in it is escaped, and its Markdown may hold no HTML."""
    source = card["source"]
    assert isinstance(source, dict)
    detail = re.sub(r"(?<![\w\"])(https?://[^\s<]+)", r'<a href="\1">\1</a>', MARKDOWN.render(str(card["detail"])))
    suggestions = card.get("suggestions", [])
    reasons = card.get("overrideReasons", [])
    assert isinstance(suggestions, list)
    assert isinstance(reasons, list)
    buttons = "".join(
        f"<button>{escape(s['label'])}</button><p class='what'>{escape(s['actions'][0]['description'])}</p>"
        for s in suggestions
    )
    choices = "".join(f"<li>{escape(reason['display'])}</li>" for reason in reasons)
    return (
        f"<article class='card {card['indicator']}'><header><span class='indicator'>{card['indicator']}</span>"
        f"<h2>{escape(str(card['summary']))}</h2><p class='source'>{escape(source['label'])}</p></header>"
        f"<div class='detail'>{detail}</div>"
        + (f"<section class='suggestions'>{buttons}</section>" if buttons else "")
        + (f"<section class='override'><h3>Not now, because</h3><ul>{choices}</ul></section>" if choices else "")
        + "</article>"
    )


def page(title: str, body: str) -> str:
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def index(names: Iterable[str]) -> str:
    rows = []
    for name in names:
        card = cards_of(name)[0]
        link = f"<a href='{name}.html'>{escape(str(card['summary']))}</a>"
        rows.append(f"<li class='{card['indicator']}'><code>{name}</code>{link}</li>")
    note = "<p>Every child here is invented. Each page shows one card as an EHR may render it.</p>"
    return page("Cards", f"<h1>Cards</h1>{note}<ol class='index'>{''.join(rows)}</ol>")


def write_gallery(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name in CARDS:
        card = cards_of(name)[0]
        (out / f"{name}.json").write_text(as_json(card), encoding="utf-8")
        back = "<p class='back'><a href='index.html'>all cards</a></p>"
        (out / f"{name}.html").write_text(page(name, render(card) + back), encoding="utf-8")
    (out / "index.html").write_text(index(CARDS), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Write every kind of card as JSON and as a page.")
    parser.add_argument("--out", type=Path, default=Path("build/gallery"), help="folder for the pages")
    parser.add_argument("--update", action="store_true", help="write the golden cards of the tests anew")
    chosen = parser.parse_args()
    if chosen.update:
        update_golden()
        print(f"{len(CARDS)} golden cards written to {GOLDEN}")
    write_gallery(chosen.out)
    print(f"{len(CARDS)} cards: {chosen.out / 'index.html'}")


if __name__ == "__main__":
    main()
