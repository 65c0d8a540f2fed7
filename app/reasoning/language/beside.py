"""The rule: what a language model may change of the built-in reasoner's judgement, and what not.

- Confidence, repairs and the advice to repair are the built-in reasoner's, computed from facts. A
  model's word enters none of them.
- It may order the causes that are to be looked at next (at most a doubling of odds), and break a
  tie of repairs that the built-in reasoner would try one after the other, once an execution.
- It may add questions: reads of the catalog that were offered to it by number.
- It may propose a cause, with evidence, as a line for a person: of confidence 0, without a repair.
- It may explain what was seen to the person whom the incident is handed to.

docs/discussions/language-model.md has the reasons, and the tests that hold each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from app.domain.evidence import Evidence
from app.domain.hypothesis import Hypothesis, Support
from app.domain.model_call import Purpose
from app.domain.value import fingerprint
from app.reasoning.builtin import BuiltinReasoner
from app.reasoning.language.adviser import Adviser
from app.reasoning.language.answers import (
    NUDGES,
    choose_schema,
    explain_schema,
    propose_schema,
    rank_schema,
)
from app.reasoning.language.digest import citable, digest, named, shown_evidence
from app.reasoning.language.offers import Offer, Read, offers
from app.reasoning.language.untrusted import sentence
from app.reasoning.port import Advice, Assessment, Case, Note

Redact = Callable[[str], str]


class ReasonerBeside:
    """Implements the port `Reasoner`: the built-in one, with a model's advice where it is open."""

    def __init__(
        self, builtin: BuiltinReasoner, adviser: Adviser, reads: Sequence[Read], redact: Redact
    ) -> None:
        self._builtin = builtin
        self._adviser = adviser
        self._reads = reads
        self._redact = redact

    async def assess(self, case: Case) -> Assessment:
        """The built-in judgement first; a model only where that leaves something open."""
        judged = await self._builtin.assess(case)
        if not case.red:
            return judged
        if _open(case, judged):
            judged = await self._reordered(case, judged)
            judged = await self._asking_more(case, judged)
        if judged.advice is Advice.HAND_OVER:
            judged = await self._handed_over(case, judged)
        return judged.model_copy(update={"notes": tuple(self._adviser.notes)})

    # --- the order of looking --------------------------------------------------------------------

    async def _reordered(self, case: Case, judged: Assessment) -> Assessment:
        causes, evidence = named(judged), citable(case, judged)
        if len(causes) < 2 or not evidence:
            return judged
        schema = rank_schema([c.key for c in causes], evidence)
        answer = await self._adviser.ask(Purpose.RANK, self._situation(case, judged), schema)
        if answer is None:
            return judged
        nudges = {said["cause"]: NUDGES[said["likelihood"]] for said in answer["ranking"]}
        texts = {c.key: c.text for c in causes}
        told = [
            f"{said['likelihood']} likely: {texts[said['cause']]} ({_cited(said['evidence'])})"
            for said in answer["ranking"]
        ]
        self._say(f"finds {'; '.join(told[:3])}" if told else "has no preference among the causes")
        return await self._builtin.assess(case, nudges)

    # --- further questions -----------------------------------------------------------------------

    async def _asking_more(self, case: Case, judged: Assessment) -> Assessment:
        if judged.advice is Advice.REMEDIATE:
            return judged
        offered = offers(case, judged, self._reads)
        if not offered:
            return judged
        listed = "\n".join(offer.line() for offer in offered)
        user = f"{self._situation(case, judged)}\nOffered diagnostics:\n{listed}"
        schema = choose_schema([offer.id for offer in offered])
        answer = await self._adviser.ask(Purpose.CHOOSE, user, schema)
        chosen = () if answer is None else _chosen(offered, answer["chosen"])
        if not chosen:
            return judged
        self._say(f"also asks {', '.join(offer.call.label() for offer in chosen)}")
        return judged.model_copy(
            update={
                "advice": Advice.DIAGNOSE,
                "wanted": (*judged.wanted, *(offer.call for offer in chosen)),
            }
        )

    # --- for the person --------------------------------------------------------------------------

    async def _handed_over(self, case: Case, judged: Assessment) -> Assessment:
        evidence = citable(case, judged)
        if not evidence:
            return judged
        if not judged.settled:
            judged = await self._proposing(case, judged, evidence)
        answer = await self._adviser.ask(
            Purpose.EXPLAIN, self._situation(case, judged), explain_schema(evidence)
        )
        if answer is None or not answer["sentences"]:
            return judged
        told = [
            f"{sentence(said['says'])} ({_cited(said['evidence'])})" for said in answer["sentences"]
        ]
        text = f"The language model {self._adviser.name} reads it so, unproven: {' '.join(told)}"
        return judged.model_copy(update={"explanation": text})

    async def _proposing(
        self, case: Case, judged: Assessment, evidence: Sequence[int]
    ) -> Assessment:
        user = self._situation(case, judged)
        answer = await self._adviser.ask(Purpose.PROPOSE, user, propose_schema(evidence))
        if answer is None or not answer["proposed"]:
            return judged
        seen = {item.id: item for item in shown_evidence(case, judged)}
        proposed = tuple(self._proposal(case, said, seen) for said in answer["proposed"])
        lines = [
            f"To be checked, proposed by {self._adviser.name} and not proven: {h.text} "
            f"({_cited(h.evidence_ids)})"
            for h in proposed
        ]
        self._say(f"proposes {'; '.join(h.text for h in proposed)}")
        return judged.model_copy(
            update={
                "hypotheses": (*judged.hypotheses, *proposed),
                "recommended": (*judged.recommended, *lines),
            }
        )

    def _proposal(
        self, case: Case, said: Mapping[str, object], seen: Mapping[int, Evidence]
    ) -> Hypothesis:
        cited = said["evidence"]
        assert isinstance(cited, list)
        text = sentence(str(said["cause"]))
        host = next((seen[i].host for i in cited if i in seen), case.host.name)
        return Hypothesis(
            key=f"model@{host}:{fingerprint(text)[:8]}",
            text=text,
            mode="model",
            host=host,
            confidence=0.0,  # nothing that is computed speaks for it
            supports=tuple(
                Support(evidence_id=i, weight=0.0, statement=text, rule=self._by())
                for i in dict.fromkeys(cited)
            ),
        )

    def _situation(self, case: Case, judged: Assessment) -> str:
        return digest(case, judged, self._redact)

    def _by(self) -> str:
        return f"model:{self._adviser.name}"

    def _say(self, what: str) -> None:
        self._adviser.notes.append(Note(text=f"The language model {self._adviser.name} {what}"))


def _open(case: Case, judged: Assessment) -> bool:
    """Whether something is left on which advice may help.

    The first round's questions are asked at once: most faults need no more, and users wait.
    """
    match judged.advice:
        case Advice.DIAGNOSE:
            return case.round > 1
        case Advice.REMEDIATE:
            return judged.tied
        case Advice.HAND_OVER:
            return not judged.settled
        case Advice.NO_FAULT:
            return False


def _chosen(offered: Sequence[Offer], said: Sequence[Mapping[str, str]]) -> tuple[Offer, ...]:
    by_id = {offer.id: offer for offer in offered}
    return tuple(by_id[i] for i in dict.fromkeys(item["diagnostic"] for item in said))


def _cited(evidence: Sequence[int]) -> str:
    return f"evidence {', '.join(str(i) for i in dict.fromkeys(evidence))}"
