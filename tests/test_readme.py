"""What README.md says is there today: paths, commands, the claims table, the pages built."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from physlm import report

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TIER = str(OmegaConf.load(ROOT / "params.yaml").tier)


def test_every_path_in_the_tree_exists() -> None:
    tree = README.split("## Where things are")[1].split("```")[1]
    paths = [line.split()[0] for line in tree.strip().splitlines()]
    assert len(paths) > 15
    assert [p for p in paths if not (ROOT / p).exists()] == []


def test_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            assert target.startswith("http") or (page.parent / target).exists(), (page, target)


def test_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in {*re.findall(r"^make ([\w/.]+)", README, re.M), "check", "smoke", "test", "env"}:
        name = "figures/%" if target.startswith("figures/") else target
        assert re.search(rf"^{re.escape(name)}:", makefile, re.M), target


def test_claims_pages_are_what_the_committed_verdicts_give() -> None:
    for path, text in report.pages(ROOT, TIER).items():
        assert path.read_text(encoding="utf-8") == text, f"run physlm report: {path.name}"


@pytest.mark.parametrize("verb", ["audit", "plan", "bits", "grammar", "report"])
def test_physlm_verbs_explain_themselves(verb: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "physlm.cli", verb, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0
    assert f"physlm {verb}" in shown.stdout


def test_a_readme_without_markers_is_refused() -> None:
    with pytest.raises(ValueError, match="markers"):
        report.replace_section("no markers", "x")
