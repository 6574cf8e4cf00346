import io
import json

import matplotlib.image
import networkx as nx
import pytest

from physlm.cli import main
from physlm.data.igsm.layout import layout


def printed(capsys, *arguments: str) -> list[str]:
    assert main(["igsm", "sample", *arguments]) == 0
    return capsys.readouterr().out.splitlines()


def refused(capsys, *arguments: str) -> str:
    assert main(["igsm", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


@pytest.mark.parametrize("preset", ["med", "tiny", "micro", "plan", "boxes"])
def test_lines_tell_the_problem(capsys, preset):
    op = 5
    lines = printed(capsys, "--preset", preset, "--op", str(op), "-n", "6", "--seed", "3")
    assert len(lines) == 6
    for record in map(json.loads, lines):
        assert list(record)[:2] == ["problem", "question"]
        graph = nx.DiGraph()
        graph.add_nodes_from(record["parameters"])
        for name, parameter in record["parameters"].items():
            graph.add_edges_from((other, name) for other in parameter["needs"])
        query = record["necessary"][-1]
        assert set(record["necessary"]) == nx.ancestors(graph, query) | {query}
        assert record["op"] == op
        assert record["split"] in ("train", "test")
        if preset == "plan":
            assert record["solution"].split() == record["necessary"]
            assert record["problem"].count(">") == record["ip"] == graph.number_of_edges()
            continue
        assert record["solution"].count("=" if preset in ("micro", "boxes") else ";") == op
        values = {name: p["value"] for name, p in record["parameters"].items()}
        assert record["answer"] == values[query]
        edge = {"med": " equals ", "boxes": " + "}.get(preset, " = ")
        assert record["ip"] == record["problem"].count(edge)
        assert record["solution"].rstrip(" .").endswith(str(record["answer"]))
        defined = [name for name in record["necessary"] if name in record["solution"]]
        assert defined == record["necessary"]


def test_the_items_are_told_layer_by_layer(capsys):
    for record in map(json.loads, printed(capsys, "--preset", "micro", "-n", "20")):
        layers = "".join(record["items"].values())
        assert layers == "".join(sorted(layers))
        for item, category in record["items"].items():
            assert "abcdefghijkl".index(item) // 4 == int(category)


def test_bytes_do_not_depend_on_jobs_or_on_how_many(capsys):
    arguments = ["--preset", "micro", "--seed", "5", "--split", "test"]
    alone = printed(capsys, *arguments, "-n", "150")
    assert printed(capsys, *arguments, "-n", "150", "--jobs", "3") == alone
    assert printed(capsys, *arguments, "-n", "70") == alone[:70]
    assert printed(capsys, "--preset", "micro", "--seed", "6", "-n", "5") != alone[:5]
    assert {json.loads(line)["split"] for line in alone} == {"test"}


def test_settings_and_orders(capsys):
    first = ["--preset", "tiny", "-n", "1"]
    (line,) = printed(capsys, *first, "--order", "qp", "--set", "modulus=2", "--set", "layers=[2]")
    record = json.loads(line)
    assert list(record)[:2] == ["question", "problem"]
    assert {p["value"] for p in record["parameters"].values()} <= {0, 1}
    assert len(set(record["items"].values())) == 2
    asked = [json.loads(x)["op"] for x in printed(capsys, *first[:2], "--op", "6", "--reask")]
    assert len(set(asked)) > 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["sample"], "preset=None: must be one of med, hard, tiny, micro, plan, boxes"),
        (["sample", "--preset", "huge"], "preset='huge': must be one of med, hard"),
        (["sample", "--preset", "med", "--op", "0"], "op=0: must be at least 1"),
        (["sample", "--preset", "med", "--op", "x"], "op='x': must be a whole number from 0"),
        (["sample", "--preset", "med", "--op", "53"], "op=53: must be at most 52"),
        (["sample", "--preset", "plan", "--op", "11"], "op=11: must be from 2 to 10"),
        (["sample", "--preset", "med", "-n", "1.5"], "n='1.5': must be a whole number from 0"),
        (["sample", "--preset", "med", "--jobs", "0"], "jobs='0': must be 1 or more"),
        (["sample", "--preset", "med", "--split", "x"], "split='x': must be one of all, train"),
        (["sample", "--preset", "med", "--order", "x"], "order='x': must be one of pq, qp"),
        (["sample", "--preset", "med", "--set", "ip_max"], "set='ip_max': must be KEY=VALUE"),
        (["sample", "--preset", "med", "--set", "ip_max=["], "ip_max='[': must be a value as YAML"),
        (["sample", "--preset", "med", "--set", "ip_max=3"], "ip_max=3: must be at least"),
        (["sample", "--preset", "med", "--set", "modulu=3"], "did you mean modulus?"),
        (["draw", "--preset", "med", "--out", "x.doc"], "must end in .pdf, .png or .svg"),
        (["draw", "--op", "3", "--out", "x.png"], "op='3': must be left out where a problem is"),
        (["draw", "--set", "empty=true", "--out", "x.png"], "set=['empty=true']: must be left out"),
    ],
)
def test_impossible_arguments(capsys, arguments, text):
    assert text in refused(capsys, *arguments)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("", "standard input: must be a line of JSON"),
        ('{"items": ', "standard input: must be a line of JSON"),
        ("[" * 100_000, "standard input: must be a line of JSON"),
        ("[1]", "record=[1]: must be an object"),
        ('{"problem": "?"}', "items=None: must be as `igsm sample` prints it"),
        (
            '{"items": {}, "necessary": ["a"], "parameters": {"a": {"needs": ["b"]}}}',
            "parameters.a.needs: 'b' is no parameter",
        ),
        (
            '{"items": {}, "necessary": ["a"], "parameters": {"a": {"needs": ["a"]}}}',
            "must not need each other in a circle",
        ),
        (
            '{"items": {"x": []}, "necessary": ["a"], "parameters": {"a": {"needs": []}}}',
            "items.x=[]: must be the name of a category",
        ),
        (
            '{"items": {}, "necessary": ["b"], "parameters": {"a": {"needs": []}}}',
            "necessary: 'b' is no parameter",
        ),
    ],
)
def test_lines_that_are_no_problem(capsys, monkeypatch, tmp_path, line, text):
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert text in refused(capsys, "draw", "--out", str(tmp_path / "x.png"))
    assert not (tmp_path / "x.png").exists()


@pytest.mark.parametrize("preset", ["med", "plan", "boxes"])
def test_pictures_of_a_line_and_of_arguments_are_the_same(capsys, monkeypatch, tmp_path, preset):
    arguments = ["--preset", preset, "--seed", "2"]
    (line,) = printed(capsys, *arguments, "-n", "1")
    monkeypatch.setattr("sys.stdin", io.StringIO(line))
    assert main(["igsm", "draw", "--out", str(tmp_path / "a.png")]) == 0
    assert main(["igsm", "draw", *arguments, "--out", str(tmp_path / "b.png")]) == 0
    first, second = (matplotlib.image.imread(tmp_path / f"{x}.png") for x in "ab")
    assert (first == second).all()
    # Something is drawn, in the colour of what is asked for.
    colour = [0xF2 / 255, 0xB8 / 255, 0x4B / 255]
    assert (abs(first[..., :3] - colour) < 0.01).all(-1).sum() > 1000


def test_boxes_stand_right_of_what_they_need_and_apart_from_other_ways():
    needs = {"a": [], "b": ["a"], "c": ["a", "b"], "d": ["a", "c"], "e": [], "f": ["e", "d"]}
    placed = layout(needs)
    assert placed.column == {"a": 0, "b": 1, "c": 2, "d": 3, "e": 0, "f": 4}
    assert placed.size[0] == 5
    for name, others in needs.items():
        for other in others:
            way = placed.way(other, name)
            assert [x for x, _ in way] == list(range(placed.column[other], placed.column[name] + 1))
            assert way[0] == placed.box(other)
            assert way[-1] == placed.box(name)
    boxes = {slot for slot in placed.places if placed.column[slot[0]] == slot[1]}
    for slot, (x, y) in placed.places.items():
        for box in boxes - {slot}:
            if placed.places[box][0] == x:
                assert abs(placed.places[box][1] - y) >= (1 if slot in boxes else 0.65) - 1e-9


def test_templates_are_counted(capsys):
    arguments = ["--preset", "tiny", "--set", "split=solution", "--op", "3", "-n", "200"]
    templates = [json.loads(line)["template"] for line in printed(capsys, *arguments)]
    assert main(["igsm", "templates", *arguments, "--jobs", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    pairs = sum(a == b for i, a in enumerate(templates) for b in templates[:i])
    assert (told["n"], told["distinct"], told["pairs"]) == (200, len(set(templates)), pairs)
    assert told["estimate"] == pytest.approx(200 * 199 / 2 / pairs)
    assert "n=1: must be 2 or more" in refused(capsys, "templates", *arguments[:-1], "1")
