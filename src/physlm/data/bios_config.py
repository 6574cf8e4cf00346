"""The settings of the bioS world (Allen-Zhu and Li, Part 3.1 Section 2.1, Part 3.3 Section 2.2)."""

from dataclasses import dataclass, fields
from typing import Literal

from physlm.config import ConfigError, require
from physlm.data.people import Pools
from physlm.data.variants import Variant, parse

# Sentences in their canonical order (Part 3.1 Example 2.1).
ATTRIBUTES = ("birth_date", "birth_city", "university", "major", "employer", "employer_city")
SCORED = ("pronoun", *ATTRIBUTES[:-1])
N_TEMPLATES = 50
BPE_VOCAB = 4096


@dataclass(frozen=True, kw_only=True)
class Config(Pools):
    """People of bioS, their texts and the tokeniser; sizes of the pools as in Pools.

    variant: a name (see physlm.data.variants) or its three numbers. templates: how many of the 50
    templates of each attribute are used. celebrities: how many people, from the first, have texts
    of celebrity_variant instead (Part 3.1 Section 5); whoever has fewer texts than the others has
    each of them as often as makes up for it. questions: whether the vocabulary has what questions
    are made of as well (physlm.data.qa). bpe_vocab: tokens of bpe before unused ones are dropped
    (None: 4096). tokenizer_file: where the tokeniser of GPT-2 is (None: the Hugging Face hub).
    """

    n_people: int
    variant: str | Variant = "fresh"
    pronoun: Literal["parity", "random"] = "parity"
    templates: int = N_TEMPLATES
    celebrities: int = 0
    celebrity_variant: str = "multi5+permute"
    questions: bool = False
    tokenizer: Literal["symbols", "words", "bpe", "gpt2"] = "words"
    bpe_vocab: int | None = None
    tokenizer_file: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.variant, str):
            parse(self.variant)
        space = self.name_space
        ok = 1 <= self.n_people <= space
        require(ok, "n_people", self.n_people, f"between 1 and {space}, the number of names")
        ok = 1 <= self.templates <= N_TEMPLATES
        require(ok, "templates", self.templates, f"between 1 and {N_TEMPLATES}")
        if self.bpe_vocab is not None:
            ok = self.tokenizer == "bpe" and self.bpe_vocab >= 257
            require(ok, "bpe_vocab", self.bpe_vocab, "257 or more, and only with tokenizer=bpe")
        ok = self.tokenizer_file is None or self.tokenizer == "gpt2"
        require(ok, "tokenizer_file", self.tokenizer_file, "left out unless tokenizer=gpt2")
        self._check_celebrities()

    def _check_celebrities(self) -> None:
        stars, most = self.celebrities, self.n_people - 1
        require(0 <= stars <= most, "celebrities", stars, f"between 0 and {most}, not everybody")
        try:
            theirs = parse(self.celebrity_variant)
        except ConfigError as error:
            raise ConfigError(f"celebrity_{error}") from None
        if not stars:
            return
        others = self.layout
        for key, layout in (("celebrity_variant", theirs), ("variant", others)):
            fixed = "of fixed texts, where there are celebrities"
            require(not layout.fresh, key, getattr(self, key), fixed)
        counts = theirs.entries_per_person, others.entries_per_person
        allowed = f"of a number of texts that is a multiple of {counts[1]}, or a divisor of it"
        ok = max(counts) % min(counts) == 0
        require(ok, "celebrity_variant", self.celebrity_variant, allowed)

    @property
    def layout(self) -> Variant:
        """The variant as numbers."""
        return parse(self.variant) if isinstance(self.variant, str) else self.variant

    @property
    def layouts(self) -> list[tuple[range, Variant]]:
        """The people of each variant: the celebrities, if there are any, then everybody else."""
        groups = [(range(self.celebrities, self.n_people), self.layout)]
        if self.celebrities:
            groups.insert(0, (range(self.celebrities), parse(self.celebrity_variant)))
        return groups

    @property
    def pools(self) -> Pools:
        """The sizes of the pools alone."""
        return Pools(**{field.name: getattr(self, field.name) for field in fields(Pools)})
