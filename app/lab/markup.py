"""HTML made of elements, so that nothing reaches a page unescaped, uncut or with tricks in it.

Whatever is not made by `tag` is text. Nobody has to remember to escape.
"""

from __future__ import annotations

import html

from app.lab import untrusted

VOID = frozenset({"meta"})  # elements without content or end


class Markup(str):
    """HTML that `tag` or `joined` made."""

    __slots__ = ()


def tag(name: str, /, *children: str, **attributes: str) -> Markup:
    """An element. Underscores in attributes become hyphens; a last one only avoids keywords."""
    given = "".join(f' {_name(key)}="{_text(value)}"' for key, value in attributes.items())
    end = "" if name in VOID else f"</{name}>"
    return Markup(f"<{name}{given}>{joined(*children)}{end}")


def joined(*children: str) -> Markup:
    """Elements and texts, one after another."""
    return Markup("".join(each if isinstance(each, Markup) else _text(each) for each in children))


def document(title: str, style: str, *body: str) -> str:
    """A page that needs nothing else, and that a browser lets do nothing: no script, no request."""
    nothing = "default-src 'none'; style-src 'unsafe-inline'"
    head = joined(
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=nothing),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", title),
        Markup(f"<style>{style}</style>"),  # the lab's own file; a browser reads it as it is
    )
    whole = tag("html", tag("head", head), tag("body", *body), lang="en")
    return f"<!doctype html>\n{whole}\n"


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _text(text: str) -> str:
    return html.escape(untrusted.shown(text))
