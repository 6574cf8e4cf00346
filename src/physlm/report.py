"""The pages built from results: docs/results.md and the claims table of README.md."""

from pathlib import Path

import pandas as pd

from physlm.claims import NOT_RUN, markdown
from physlm.files import write_text

BEGIN = "<!-- claims: built by `physlm report`, do not edit -->"
END = "<!-- claims end -->"


def results_page(verdicts: pd.DataFrame, tier: str) -> str:
    """docs/results.md: every claim with its verdict at this tier."""
    counts = verdicts["verdict"].value_counts()
    summary = ", ".join(f"{count} {name}" for name, count in counts.items())
    return (
        f"# Results at the `{tier}` tier\n\n"
        f"Built by `physlm report` from `results/{tier}/claims.csv`; do not edit. "
        f"What the verdicts mean: [claims.md](claims.md).\n\n{summary}.\n\n{markdown(verdicts)}"
    )


def readme_section(verdicts: pd.DataFrame, tier: str) -> str:
    """The README's table: the claims that were run, and how many were not."""
    run = verdicts[verdicts["verdict"] != NOT_RUN]
    rest = len(verdicts) - len(run)
    return (
        f"{BEGIN}\n{markdown(run)}\n"
        f"Tier `{tier}`. {rest} more claims are listed as not run in "
        f"[docs/results.md](docs/results.md).\n{END}"
    )


def replace_section(text: str, section: str) -> str:
    """Put `section` between the markers of `text`; ValueError if a marker is missing."""
    if BEGIN not in text or END not in text:
        raise ValueError(f"README.md: the markers {BEGIN!r} and {END!r} must be there")
    head, _, rest = text.partition(BEGIN)
    return head + section + rest.partition(END)[2]


def pages(root: Path, tier: str) -> dict[Path, str]:
    """What README.md and docs/results.md under `root` should say today."""
    verdicts = pd.read_csv(root / "results" / tier / "claims.csv", keep_default_na=False)
    readme = root / "README.md"
    section = readme_section(verdicts, tier)
    return {
        readme: replace_section(readme.read_text(encoding="utf-8"), section),
        root / "docs" / "results.md": results_page(verdicts, tier),
    }


def write(root: Path, tier: str) -> list[Path]:
    """Write the pages that changed; returns their paths."""
    changed = []
    for path, text in pages(root, tier).items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
            changed.append(path)
    return changed
