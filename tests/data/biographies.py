"""A plain renderer of biographies, written apart from the package's, to compare with it."""

import re
from importlib import resources

import numpy as np

from physlm.data.bios import Config, World

ORDER = ("birth_date", "birth_city", "university", "major", "employer", "employer_city")
MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


def lines(name: str) -> list[str]:
    folder = resources.files("physlm.data") / "resources"
    return (folder / name).read_text().splitlines()


def person(row: np.ndarray) -> dict[str, str]:
    """The texts of one profile."""
    first, middle, last, pronoun, month, day, year, city, university, major, employer = row.tolist()
    company, _, company_city = lines("employers.txt")[employer].partition("; ")
    names = (("first", first), ("middle", middle), ("last", last))
    return {
        "name": " ".join(lines(f"{part}_names.txt")[i] for part, i in names),
        "pronoun": ["He", "She"][pronoun],
        "birth_date": f"{MONTHS[month]} {day + 1}, {1900 + year}",
        "birth_city": lines("birth_cities.txt")[city],
        "university": lines("universities.txt")[university],
        "major": lines("majors.txt")[major],
        "employer": company,
        "employer_city": company_city,
    }


def biography(row: np.ndarray, templates: list[int], order: list[int], fullname: bool) -> str:
    """The text of one person; templates by attribute, order as attribute of each sentence."""
    who, text = person(row), "<eos>"
    for place, a in enumerate(order):
        subject = who["name"] if place == 0 or fullname else who["pronoun"]
        template = lines(f"templates/{ORDER[a]}.txt")[templates[a]]
        text += " " + template.replace("{subject}", subject).replace("{value}", who[ORDER[a]])
    return text


def symbols(row: np.ndarray, templates: list[int], order: list[int], fullname: bool) -> list[str]:
    """The same text in the shortest spelling: phrases of templates whole, values word by word."""
    who, tokens = person(row), ["<eos>"]
    for place, a in enumerate(order):
        subject = who["name"] if place == 0 or fullname else who["pronoun"]
        template = lines(f"templates/{ORDER[a]}.txt")[templates[a]]
        before, after = template.removeprefix("{subject}").split(" {value}")
        value = who[ORDER[a]].replace(",", "")
        tokens += [f" {word}" for word in subject.split()] + [before]
        tokens += [f" {word}" for word in value.split()] + [after] * (after != ".")
    return tokens


def unmarked(text: str) -> str:
    """A text without its marks."""
    return re.sub(r"[^\w\s]", "", text)


def sentences(row: np.ndarray, text: str) -> list[tuple[str, int]]:
    """(attribute, template) of each sentence of `text`, which must be a biography of `row`."""
    who, found, rest = person(row), [], text.removeprefix("<eos>")
    while rest:
        matches = [
            (attribute, i, start)
            for attribute in ORDER
            for i, template in enumerate(lines(f"templates/{attribute}.txt"))
            for subject in (who["name"], who["pronoun"])
            for start in [" " + template.format(subject=subject, value=who[attribute])]
            if rest.startswith(start)
        ]
        assert len(matches) == 1, (rest, matches)
        attribute, i, start = matches[0]
        found.append((attribute, i))
        rest = rest[len(start) :]
    return found


def texts(world: World, entries) -> list[str]:
    """The text of every entry."""
    bounds = zip(entries.offsets[:-1], entries.offsets[1:], strict=True)
    return [world.text(entries.tokens[a:b]) for a, b in bounds]


def small(**settings) -> Config:
    """A world of few people from small pools."""
    pools = {"first_names": 5, "middle_names": 4, "last_names": 5, "years": 3, "employers": 20}
    return Config(**{"n_people": 12, **pools, **settings})
