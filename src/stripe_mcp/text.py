"""
Text that strangers wrote, made fit for a model and a person to read alike. No I/O.

Rule: what a model reads is what a person sees. Characters that show nothing are taken out, since they
carry messages that nobody else notices; those that a script or an emoji needs stay where it needs them.
"""

import re
from unicodedata import category

_JOINERS = "\u200c\u200d"
_TAGS = "\U000e0000-\U000e00ff"
_BREAKS = "\t-\r\x85\u2028\u2029\u2800"  # the last is braille's blank, an invisible name
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_VIRAMAS = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
_VISIBLE = rf"[^\x00-\x7f\s{_JOINERS}{_TAGS}{_BREAKS}\ufe00-\ufe0f\U000e0100-\U000e01ef\u180b-\u180f]"
_FLAGS = "|".join(  # England, Scotland and Wales are a black flag and their names in tags
    "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in name) + "\U000e007f"
    for name in ("gbeng", "gbsct", "gbwls")
)

# Unicode's Default_Ignorable_Code_Point without joiners and variation selectors, control characters
# except those that break a line, and the marks around annotations.
_INVISIBLE = re.compile(
    rf"({_FLAGS})|[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u200b\u200e\u200f"
    rf"\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    rf"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a{_TAGS}\U000e01f0-\U000e0fff]"
)
# A variation selector stays behind the one kind of character that it can vary; in ASCII, in keycaps only.
_LOOSE_SELECTOR = re.compile(
    rf"[\ufe00-\ufe0f](?<!{_VISIBLE}.)(?<![0-9#*]\ufe0f(?=\u20e3))"
    rf"|[\U000e0100-\U000e01ef](?<![{_HAN}].)|[\u180b-\u180f](?<![\u1820-\u18aa].)"
)
# A joiner stays between two visible characters beyond ASCII, or behind the sign that ends an Indic syllable.
_LOOSE_JOINER = re.compile(
    rf"[{_JOINERS}](?<!{_VISIBLE}.)(?<![\ufe00-\ufe0f].)|[{_JOINERS}](?!{_VISIBLE})(?<![{_VIRAMAS}].)"
)
_BREAK = re.compile(f" ?[{_BREAKS}][{_BREAKS} ]*")

_CONTINUES = re.compile(f"[{_JOINERS}{_TAGS}\U0001f3fb-\U0001f3ff]")  # beside combining marks
_REGIONAL = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of these letters are a flag


def clean(text: str) -> str:
    """
    *text* in one line, without what cannot be seen; half an emoji becomes a question mark.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = _INVISIBLE.sub(r"\1", text)
    text = _LOOSE_SELECTOR.sub("", text)
    text = _LOOSE_JOINER.sub("", text)  # after the selectors, which may stand between it and an emoji
    return _BREAK.sub(" ", text)


def cap(text: str, most: int) -> str:
    """
    *text* in at most *most* characters; one that is cut says at its end how long it was.
    """
    if len(text) <= most:
        return text
    told = f"… ({len(text)} characters)"
    if len(told) > most:
        return "…"[: max(most, 0)]
    end = most - len(told)
    while end and _splits(text, end):
        end -= 1
    return text[:end] + told


def _splits(text: str, end: int) -> bool:
    """
    Whether a cut before *end* would part what is shown as one character.
    """
    before, after, head = text[end - 1], text[end], text[:end]
    half_a_flag = after in _REGIONAL and (end - len(head.rstrip(_REGIONAL))) % 2 == 1
    continued = category(after).startswith("M") or _CONTINUES.match(after) is not None
    return before == "\u200d" or continued or half_a_flag
