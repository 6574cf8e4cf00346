import pytest

from physlm.config import ConfigError, build
from physlm.data.bios import Config
from physlm.data.variants import Variant, parse

PUBLISHED = {
    "single": (1, 0, False),
    "single+fullname": (1, 0, True),
    "single+permute1": (1, 1, False),
    "single+permute2": (1, 2, False),
    "single+permute5": (1, 5, False),
    "single+permute1+fullname": (1, 1, True),
    "single+permute2+fullname": (1, 2, True),
    "single+permute5+fullname": (1, 5, True),
    "multi2": (2, 0, False),
    "multi5": (5, 0, False),
    "multi2+permute": (2, 1, False),
    "multi5+permute": (5, 1, False),
    "multi2+fullname": (2, 0, True),
    "multi5+fullname": (5, 0, True),
    "multi2+permute+fullname": (2, 1, True),
    "multi5+permute+fullname": (5, 1, True),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_variants_parse(name):
    wordings, permutations, fullname = PUBLISHED[name]
    variant = parse(name)
    assert variant == Variant(wordings, permutations, fullname)
    assert variant.entries_per_person == wordings * max(permutations, 1)
    assert Config(n_people=3, variant=variant).layout == Config(n_people=3, variant=name).layout


def test_other_variants_parse():
    assert parse("fresh") == parse("multi-infinity+permute") == Variant(0, 1, False)
    assert parse("simple") == parse("single+permute1") == Variant(1, 1, False)
    assert parse("multi3+permute2").entries_per_person == 6
    assert build(Config, {"n_people": 3, "variant": {"wordings": 2}}).layout == Variant(2, 1, False)


@pytest.mark.parametrize("name", ["", "double", "multi0", "single+permute0", "fullname", "multi"])
def test_unknown_variants_are_refused(name):
    with pytest.raises(ConfigError, match=r"settings\.variant='.*': must be single, multiM"):
        build(Config, {"n_people": 3, "variant": name}, "settings")
