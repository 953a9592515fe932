"""National Drug Codes as they are written: hyphenated or not, of the package or of the product alone.

Question: which products could this code stand for? Source: 21 CFR 207.33 (ten digits as 4-4-2, 5-3-2 or 5-4-1); HIPAA's
eleven digits (5-4-2, each part filled with zeros from the left). Ten digits without hyphens are any of three codes.
"""

import re

PACKAGE = re.compile(r"(\d{4,5})-(\d{3,4})-(\d{1,2})", re.ASCII)
PRODUCT = re.compile(r"(\d{4,5})-(\d{3,4})", re.ASCII)
ELEVEN, TEN = re.compile(r"\d{11}", re.ASCII), re.compile(r"\d{10}", re.ASCII)
WIDTHS = (5, 4, 2)
PRODUCT_DIGITS = 9  # labeler and product; the package is the rest
PLAIN = ((4, 8), (5, 8), (5, 9))  # where the parts of ten digits end: 4-4-2, 5-3-2, 5-4-1


def read_ndc(code: str) -> tuple[str, ...]:
    """Every code of eleven digits (nine for a product without its package) that this may be; none if it is no NDC."""
    if hyphened := PACKAGE.fullmatch(code) or PRODUCT.fullmatch(code):
        return (_filled(hyphened.groups()),)
    if TEN.fullmatch(code):
        return tuple(_filled((code[:first], code[first:second], code[second:])) for first, second in PLAIN)
    return (code,) if ELEVEN.fullmatch(code) else ()


def _filled(parts: tuple[str, ...]) -> str:
    return "".join(part.zfill(width) for part, width in zip(parts, WIDTHS, strict=False))
