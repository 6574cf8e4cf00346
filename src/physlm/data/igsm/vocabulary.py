"""Words as rows of a vocabulary: a row each, or the pieces of GPT-2's tokeniser.

GPT-2 splits a text at the boundaries of our words before anything else, so the tokens of a text are
those of its words put end to end, and a table over words is all that is needed. Only tokens of some
word have a row (as for biographies, physlm.data.tokenizers); each reserved word is one row.
"""

from collections.abc import Iterable

from physlm.data.igsm.words import RESERVED
from physlm.data.tokenizers import Encoder, number_pieces


class Vocabulary:
    """Rows and what they spell; `words` has every word, the reserved ones first.

    encode: how a word is cut into pieces; None: every word is a row.
    """

    def __init__(self, words: list[str], encode: Encoder | None = None) -> None:
        if encode is None:
            self.rows = words
            self._row = {word: row for row, word in enumerate(words)}
            self._pieces = None
        else:
            n = len(RESERVED)
            texts = words[n:]
            # The first row of number_pieces is EOS, which is among the reserved ones here.
            rows, pieces, _ = number_pieces({"words": texts}, encode)
            self.rows = [*RESERVED, *rows[1:]]
            self._pieces = {word: [row] for row, word in enumerate(RESERVED)}
            places = zip(pieces.starts.tolist(), pieces.lengths.tolist(), strict=True)
            for word, (start, length) in zip(texts, places, strict=True):
                ids = pieces.tokens[start : start + length] + (n - 1)
                self._pieces[word] = ids.tolist()

    def encode(self, words: Iterable[str]) -> list[int]:
        """The rows of these words, in their order; KeyError for a word that no text has."""
        if self._pieces is None:
            return list(map(self._row.__getitem__, words))
        pieces = self._pieces
        return [row for word in words for row in pieces[word]]

    def decode(self, rows: Iterable[int]) -> list[str]:
        """What each row spells: the words themselves, or their pieces."""
        return [self.rows[row] for row in rows]
