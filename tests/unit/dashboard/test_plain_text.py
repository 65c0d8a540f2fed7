"""Text of others neither acts nor lies."""

from __future__ import annotations

import pytest

from app.dashboard.plain_text import visible
from app.dashboard.rendering import environment


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("\x1b[31mfailed\x1b[0m", "failed"),  # colours tell nothing
        ("\x1b[2J\x1b[1;1Hall is well", "␛[2J␛[1;1Hall is well"),  # wiping the screen does
        ("user\u202etxt.exe", "user⟨U+202E⟩txt.exe"),  # turned writing
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\x07\x00\x7f\x9b", "␇␀␡⟨U+009B⟩"),
        ("one\r\ntwo\tthree\n", "one\ntwo\tthree\n"),
        ("over\rwritten", "over␍written"),
        ("größe ✔ 日本", "größe ✔ 日本"),
    ],
)
def test_what_would_act_is_shown(printed: str, shown: str) -> None:
    assert visible(printed) == shown


def test_every_template_escapes_and_makes_visible() -> None:
    template = environment().from_string('<p title="{{ t }}">{{ t }}</p>')
    page = template.render(t='"><script>alert(1)</script>\u202e')
    assert "<script" not in page
    assert '"><' not in page
    assert page.count("⟨U+202E⟩") == 2
