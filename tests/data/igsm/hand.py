"""Problems made by hand, with texts that were worked out by hand."""

from physlm.data.igsm.problem import Definition, Parameter, Problem

LETTERS = (("a", "b"), ("e", "f"), ("i", "j"))

AE, AF, BF = Parameter(0, 0, 1, 0), Parameter(0, 0, 1, 1), Parameter(0, 1, 1, 1)
EI, FI, FJ = Parameter(1, 0, 2, 0), Parameter(1, 1, 2, 0), Parameter(1, 1, 2, 1)
A1, B1 = Parameter(0, 0, 1, -1), Parameter(0, 1, 1, -1)
A2, B2 = Parameter(0, 0, 2, -1), Parameter(0, 1, 2, -1)
E2, F2 = Parameter(1, 0, 2, -1), Parameter(1, 1, 2, -1)


def one(names: tuple[tuple[str, ...], ...] = LETTERS, categories: str = "012") -> Problem:
    """Modulo 5, every form of sentence but three parts with a constant; a#2 is asked for."""
    return Problem(
        names=names,
        categories=tuple(categories),
        modulus=5,
        definitions={
            FJ: Definition(None, False, False, (AE, FI, EI)),
            BF: Definition(4, True, False, (F2,)),
            AE: Definition(3, False, False, ()),
            EI: Definition(2, False, True, (AE, AF)),
            AF: Definition(None, False, False, (AE,)),
            FI: Definition(3, True, False, (EI, AF)),
        },
        needs={
            AE: (),
            AF: (AE,),
            EI: (AE, AF),
            FI: (EI, AF),
            FJ: (AE, FI, EI),
            E2: (EI,),
            F2: (FI, FJ),
            A1: (AE, AF),
            A2: (AE, E2, AF, F2),
            BF: (F2,),
            B1: (BF,),
            B2: (BF, F2),
        },
        # a.e 3; a.f 3; e.i 2 + 3 - 3 = 2; f.i 3 * (2 + 3) = 0; f.j 3 + 0 + 2 = 0
        # e#2 2; f#2 0 + 0 = 0; a#1 6 = 1; a#2 3 * 2 + 3 * 0 = 1; b.f 4 * 0 = 0
        values={
            AE: 3,
            AF: 3,
            EI: 2,
            FI: 0,
            FJ: 0,
            E2: 2,
            F2: 0,
            A1: 1,
            A2: 1,
            BF: 0,
            B1: 0,
            B2: 0,
        },
        solution=(AE, AF, EI, FI, E2, FJ, F2, A2),
    )


# Three children, so that the order of products and sums matters; and a total over nothing.
TOPS, MIDDLES = ("a", "b"), ("e", "f", "g", "h")
CHILD = tuple(Parameter(0, 0, 1, k) for k in range(3))
GRANDCHILD = tuple(Parameter(1, k, 2, 0) for k in range(3))
BELOW = tuple(Parameter(1, k, 2, -1) for k in range(3))
ALL = Parameter(0, 0, 2, -1)
NOTHING = Parameter(1, 3, 2, -1)
LAST = Parameter(0, 1, 1, 3)


def three() -> Problem:
    """Modulo 7: a.e 2, a.f 3, a.g 4, and 5 of i in each; b.h is 6 + a#2 + h#2 + a.e."""
    constants = dict(zip(CHILD, (2, 3, 4), strict=True)) | dict.fromkeys(GRANDCHILD, 5)
    definitions = {p: Definition(c, False, False, ()) for p, c in constants.items()}
    totals = {total: (one,) for total, one in zip(BELOW, GRANDCHILD, strict=True)}
    pairs = tuple(p for pair in zip(CHILD, BELOW, strict=True) for p in pair)
    return Problem(
        names=(TOPS, MIDDLES, ("i",)),
        categories=("0", "1", "2"),
        modulus=7,
        definitions=definitions | {LAST: Definition(6, False, False, (ALL, NOTHING, CHILD[0]))},
        needs=dict.fromkeys(constants, ())
        | totals
        | {ALL: pairs, NOTHING: (), LAST: (ALL, NOTHING, CHILD[0])},
        # 2 * 5 + 3 * 5 + 4 * 5 = 45 = 3; 6 + 3 + 0 + 2 = 11 = 4
        values=constants | dict.fromkeys(BELOW, 5) | {ALL: 3, NOTHING: 0, LAST: 4},
        solution=(*constants, *BELOW, ALL, NOTHING, LAST),
    )
