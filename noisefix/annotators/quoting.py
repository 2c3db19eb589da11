"""Texts as data: how a stranger's text goes into a prompt without becoming a part of it.

Three things are done to it. What is invisible goes, so that the model reads what a person would
read. What a chat template would take for its own markup is broken by one blank. And the text is
put between two tags whose name follows from a digest of everything that stands between such tags
in the prompt, and stands in none of it: no text can close its own tags.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

REPLACEMENT = "\ufffd"
CUT_MARKER = "\n[... {count} characters left out ...]\n"

# Line breaks become one; variation selectors that can carry hidden bytes go.
_TRANSLATION: dict[int, str] = {
    **dict.fromkeys(map(ord, "\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"), "\n"),
    **dict.fromkeys(range(0xE0100, 0xE01F0), ""),
}
# Joiners carry meaning (emoji, Persian, Indic scripts); every other invisible character goes.
_JOINERS = "\u200c\u200d"
# Elements of HTML as they stand in ordinary texts. Those that are tokens of chat models as well
# (<s>, <img>, <image>, <video>, <ref>, <mask>, ...) are not among them.
_HTML = (
    "a|abbr|address|article|aside|b|big|blockquote|body|br|button|caption|center|cite|code|col"
    "|colgroup|dd|del|details|dfn|div|dl|dt|em|fieldset|figcaption|figure|font|footer|form|h[1-6]"
    "|head|header|hr|html|i|iframe|input|ins|kbd|label|legend|li|link|main|mark|meta|nav|ol"
    "|optgroup|option|p|param|samp|script|section|select|small|span|strike|strong|style|sub"
    "|summary|sup|svg|table|tbody|td|textarea|tfoot|th|thead|time|title|tr|tt|u|ul|var|wbr"
)
_GAPS = _JOINERS + REPLACEMENT  # a tokenizer may take these out before it looks for its tokens
_INSIDE = r"(?:[^\s<>@/]|/(?!/))"
# The looks of a control token. Chat models of today hold several thousand of them, and each new one
# brings others; what they have in common is a name in brackets that no sentence has.
_CHAT_MARKUP = re.compile(
    # <|im_start|>, <|turn>, <｜User｜> and <[begin▁of▁sentence]>
    r"<(?=[|\[])"
    # <s>, </s>, <start_of_turn>, <turn|>, <seed:bos>, <unused0>, <0x0A>; no <br/>, <1>, <a@b.c>
    rf"|<(?!/?(?:(?-i:pre)|{_HTML})/?>)"
    rf"(?=/?(?={_INSIDE}{{0,64}}[^\W\d_]){_INSIDE}{{1,64}}/?>)"
    # [INST], [/INST], [IMG_BREAK], [PAD151645], [unused1], [gMASK], [control_8]; no [link], no [A]
    r"|\[(?=/?(?-i:[A-Z][A-Z0-9]+|[a-z]{1,2}[A-Z]+|unused\d+)\])"
    r"|\[(?=/?[\w-]{0,40}_[\w-]{1,40}\])"
    r"|\[(?=/?(?:inst|sys|bos|eos|pad|unk|cls|sep|mask|think)\])"
    # [|system|]
    r"|\[(?=\|)"
    # ]~b], [e~[, ]!p~[, ]<]image[>[
    r"|\](?=[~!<][^\s\[\]]{0,20}[\[\]])|\[(?=[^\s\[\]]{0,20}[~>]\[)"
    # >>TITLE<<
    r"|>(?=>[A-Z_]{2,40}<<)",
    re.IGNORECASE,
)


class _Narrow(dict[int, int]):
    """Code points to what they are made of, where that is one character of ASCII: ＜ to <."""

    def __missing__(self, code: int) -> int:
        folded = unicodedata.normalize("NFKC", chr(code))
        self[code] = ord(folded) if len(folded) == 1 and folded.isascii() else code
        return self[code]


_NARROW = _Narrow()


def clean_text(text: str) -> str:
    r"""Return a text that shows a model what a person sees, and no chat markup.

    Line breaks of every kind become ``\n``; control characters and half surrogates become U+FFFD;
    invisible format characters (direction marks, zero-width blanks, tag characters) go; the first
    character of chat markup such as ``<|im_start|>`` gets a blank behind it.
    """
    text = text.replace("\r\n", "\n").translate(_TRANSLATION)
    if not text.replace("\n", "").replace("\t", "").isprintable():  # rarely: it takes long
        text = "".join(map(_visible, text))
    return break_chat_markup(text)


def break_chat_markup(text: str) -> str:
    """Put a blank into everything that a tokenizer could take for a token of its chat template.

    The blank stands behind the first bracket, so that the text reads as before. What a tokenizer's
    normalisation may make of a text (wide brackets, other case, no joiners) counts as well.
    """
    if text.isascii():
        places = [hit.end() for hit in _CHAT_MARKUP.finditer(text)]
    else:
        kept = [place for place, char in enumerate(text) if char not in _GAPS]
        seen = "".join(text[place] for place in kept).translate(_NARROW)
        places = [kept[hit.end() - 1] + 1 for hit in _CHAT_MARKUP.finditer(seen)]
    parts = [text[start:end] for start, end in pairwise([0, *places, len(text)])]
    return " ".join(parts)


def cut_text(text: str, max_chars: int) -> str:
    """Return a text of at most ``max_chars`` characters of its own, saying how many are left out.

    Two thirds of what is kept come from the beginning, one third from the end. A text is cut when,
    and only when, it is longer than ``max_chars``.
    """
    if len(text) <= max_chars:
        return text
    tail = max_chars // 3
    head = max_chars - tail
    marker = CUT_MARKER.format(count=len(text) - max_chars)
    return text[:head] + marker + text[len(text) - tail :]


@dataclass(frozen=True)
class Tags:
    """A pair of tags whose name stands in no text of the prompt."""

    name: str

    @property
    def opening(self) -> str:
        """The tag before a text."""
        return f"<{self.name}>"

    @property
    def closing(self) -> str:
        """The tag after a text."""
        return f"</{self.name}>"

    def around(self, text: str) -> str:
        """Return the text between the tags, each tag on its own line."""
        return f"{self.opening}\n{text}\n{self.closing}"


def make_tags(texts: Iterable[str], *salt: str | int) -> Tags:
    """Return the tags for these texts: the same for the same texts, and not to be guessed.

    Whoever writes a text cannot know the name: it is a digest of the text itself and of its
    neighbours in the prompt. Should a text hold the name all the same, the next digest is taken.

    Args:
        texts: everything in the prompt that the user of noisefix has not written.
        salt: seed and the like.
    """
    parts = list(texts)
    joined = unicodedata.normalize("NFKC", "\0".join(parts)).casefold()
    attempt = 0
    while (code := digest("fence", attempt, *salt, *parts)[:12]) in joined:
        attempt += 1
    return Tags(f"data-{code}")


def digest(*parts: str | int) -> str:
    """Return a hex digest of these parts, unlike that of any other division of the same text."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = str(part).encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "big") + raw)
    return state.hexdigest()


def _visible(char: str) -> str:
    if char.isprintable() or char in "\n\t":
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Cs"):
        return REPLACEMENT
    return "" if category == "Cf" and char not in _JOINERS else char
