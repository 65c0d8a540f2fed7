"""Templates to HTML. The only door to Jinja2.

Everything that is printed is escaped, and made visible first (app/dashboard/plain_text.py). No
page carries a script or a style of its own: the content security policy allows neither
(app/api/headers.py).
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.dashboard import times, wording
from app.dashboard.plain_text import visible
from app.dashboard.planned import RISK_WORDS

HERE = Path(__file__).parent
STATIC = HERE / "static"


def render(template: str, **shown: Any) -> str:
    """A template with what it shows. A name that it misses is an error, not a blank."""
    return environment().get_template(template).render(**shown)


@cache
def environment() -> Environment:
    """The templates with the words that they use."""
    made = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        finalize=_made_visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"in_words": times.in_words, "moment": times.moment, "clock": times.clock}
    made.globals |= {
        "asset": asset,
        "between": times.between,
        "RISKS": RISK_WORDS,
        "SIGNS": wording.SIGNS,
        "state_of": wording.state,
        "state_words_of": wording.state_words,
    }
    return made


def _made_visible(value: object) -> object:
    """What stands between {{ }}: text of others is made visible, our own markup is let be."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value


@cache
def asset(name: str) -> str:
    """The address of a static file; another content is another address, so it may be kept."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/ui/static/{name}?v={digest}"
