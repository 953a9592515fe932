"""Every kind of card, as JSON and as a page to look at: `make gallery`, or this file with `--out` and `--update`.

All children shown are invented. `--update` writes the golden cards anew; look at the difference before you keep it.
`--picture docs/images/card.png` draws the card of the README anew; it needs chromium.
"""

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable
from html import escape
from pathlib import Path

from markdown_it import MarkdownIt

from cards.write import write_cards
from cds_service import patients
from cds_service.hooks.evaluate import evaluate
from cds_service.hooks.request import read_hook_request
from cds_service.site.settings import Settings
from cds_service.site.site import open_site
from tests.cards import profiles
from tests.cards.assessments import AS_OF, CARDS, draft_for, hook_for

HERE = Path(__file__).parent
GOLDEN = HERE / "golden"
STYLE = (HERE / "gallery.css").read_text(encoding="utf-8")
SHOWN, HOOK = "low-trough", "order-sign"  # the bundled child and the hook of the picture
WIDTH = 900  # pixels
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


def picture_page() -> str:
    """What a clinician sees first of a card that the whole service wrote: header, six lines, button, reasons."""
    request = read_hook_request(patients.hook_request(patients.load(SHOWN), HOOK, AS_OF), HOOK)
    site = open_site(Settings())
    (answer,) = evaluate(request, site, AS_OF, site.reading_deadline()).cards
    card = answer.to_json()
    six_lines, further, _ = str(card["detail"]).partition("\n\n**Why**")
    assert further
    return page(SHOWN, render(card | {"detail": six_lines}))


def draw_picture(path: Path) -> None:
    """The page as PNG, exactly as high as it is."""
    with tempfile.TemporaryDirectory() as folder:
        shown, measured = Path(folder, "shown.html"), Path(folder, "measured.html")
        shown.write_text(picture_page(), encoding="utf-8")
        tell = "<script>document.title = document.querySelector('main').offsetHeight</script>"
        measured.write_text(picture_page() + tell, encoding="utf-8")
        (height,) = re.findall(r"<title>(\d+)</title>", _chromium("--dump-dom", f"--window-size={WIDTH},100", measured))
        _chromium(f"--screenshot={path.resolve()}", f"--window-size={WIDTH},{height}", shown)
    print(f"{path}: {WIDTH} x {height} pixels")


def _chromium(*arguments: str | Path) -> str:
    # Without a sandbox, because a container's only user is root; the page is our own.
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description="Write every kind of card as JSON and as a page.")
    parser.add_argument("--out", type=Path, default=Path("build/gallery"), help="folder for the pages")
    parser.add_argument("--update", action="store_true", help="write the golden cards of the tests anew")
    parser.add_argument("--picture", type=Path, metavar="PNG", help="draw only the picture of the README, here")
    chosen = parser.parse_args()
    if chosen.picture:
        draw_picture(chosen.picture)
        return
    if chosen.update:
        update_golden()
        profiles.update_golden()
        print(f"{len(CARDS)} golden cards written to {GOLDEN}")
    write_gallery(chosen.out)
    print(f"{len(CARDS)} cards: {chosen.out / 'index.html'}")


if __name__ == "__main__":
    main()
