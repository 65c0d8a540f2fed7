"""Names of the estate, and how one run has them: every text of it goes through here.

A name is renamed where it stands as a word; dots, dashes, slashes and underscores end a word. All
names are replaced in one pass, so no new name is ever taken for an old one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from app.lab.estate import HOSTS, HostSpec

#: A word begins after anything but a letter or a digit, or after what a script writes for a byte
#: or a blank: `\tshop`, `\0shop`, `\x00shop`.
BEGINS = r"(?:(?<![A-Za-z0-9])|(?<=\\x[0-9a-f]{2})|(?<=\\[0a-z]))"
ENDS = r"(?![A-Za-z0-9])"
ENDS_OR_CAPITAL = r"(?![a-z0-9])"  # ShopDown is two words, PriceFeedStale three
#: What may stand between the parts of a name, in prose and in regular expressions too.
BETWEEN = r"(?:\\?[-._]\??|\s+|\[[-._ ]+\]\??)"
REACH = 24  # how much of the text before a name may tell that it is none
_PART = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True)
class Rename:
    """One name, what it becomes, and what beside it tells that it is that name."""

    old: str
    new: str
    exact: bool = False  # in another case it is another word
    only_preceded: str = ""
    not_preceded: str = ""
    only_followed: str = ""
    not_followed: str = ""

    @property
    def pattern(self) -> str:
        """What finds it where a word begins."""
        parts = _PART.findall(self.old)
        found = BETWEEN.join(parts) + ENDS
        if not self.exact:
            found += f"|{BETWEEN.join([parts[0].capitalize(), *parts[1:]])}{ENDS}"
            found += f"|{BETWEEN.join(part.upper() for part in parts)}{ENDS}"
            found += f"|{_camel(parts)}{ENDS_OR_CAPITAL}"
        followed = f"(?={self.only_followed})" if self.only_followed else ""
        if self.not_followed:
            followed += f"(?!{self.not_followed})"
        return f"(?:{found}){followed}"

    def stands_in(self, before: str) -> bool:
        """Whether what comes before it lets it be this name."""
        if self.not_preceded and re.search(f"(?:{self.not_preceded})$", before):
            return False
        return re.search(f"(?:{self.only_preceded})$", before) is not None

    def of(self, found: str) -> str:
        """The new name, with the case and the separators of what was found."""
        if found == _camel(_PART.findall(self.old)):
            return _camel(_PART.findall(self.new))
        parts = iter(_PART.findall(self.new))
        return _PART.sub(lambda part: _cased(next(parts), part.group()), found)


@dataclass(frozen=True)
class Naming:
    """What the estate's names become in one run; none of them, in a plain one."""

    renames: tuple[Rename, ...] = ()

    def text(self, text: str) -> str:
        """A text with the new names."""
        return self._found.sub(self._renamed, text) if self.renames else text

    def texts(self, texts: Iterable[str]) -> tuple[str, ...]:
        """Several of them."""
        return tuple(self.text(text) for text in texts)

    @cached_property
    def hosts(self) -> dict[str, HostSpec]:
        """The estate's hosts by their names in this run."""
        return {spec.name: spec for spec in map(self._host, HOSTS.values())}

    def _host(self, spec: HostSpec) -> HostSpec:
        return replace(
            spec,
            name=self.text(spec.name),
            address=self.text(spec.address),
            services=self.texts(spec.services),
            depends_on=self.texts(spec.depends_on),
            description=self.text(spec.description),
            domain=self.text(spec.domain),
            aliases=self.texts(spec.aliases),
            small_file_systems=tuple(
                replace(small, path=self.text(small.path)) for small in spec.small_file_systems
            ),
            disks=tuple(
                replace(disk, name=self.text(disk.name), path=self.text(disk.path))
                for disk in spec.disks
            ),
        )

    @cached_property
    def _found(self) -> re.Pattern[str]:
        """One pattern for all, longer names first: they may begin with shorter ones."""
        longest = sorted(range(len(self.renames)), key=lambda at: -len(self.renames[at].old))
        names = "|".join(f"(?P<n{at}>{self.renames[at].pattern})" for at in longest)
        return re.compile(f"{BEGINS}(?:{names})")

    def _renamed(self, match: re.Match[str]) -> str:
        found = match.group()
        rename = self.renames[int((match.lastgroup or "n0")[1:])]
        before = match.string[max(0, match.start() - REACH) : match.start()]
        return rename.of(found) if rename.stands_in(before) else found


PLAIN = Naming()


def _camel(parts: Iterable[str]) -> str:
    return "".join(part.capitalize() for part in parts)


def _cased(new: str, like: str) -> str:
    if len(like) > 1 and like.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if like[0].isupper() else new
