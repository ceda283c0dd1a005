"""The documents: their commands run, their output is true, their links and generated parts are current."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.documents import GUIDE, ROOT, documents, read_blocks, run_document
from tests.servers.polygon import KEY, PolygonServer

PROGRAM = Path(sys.executable).with_name("mtstore")
PAGES = [ROOT / "README.md", ROOT / "configs" / "README.md", *sorted(GUIDE.glob("*.md"))]
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]*)(?:#([^)\s]*))?\)")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the demo's store was created."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([PROGRAM, "demo", "./demo"], cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def folder(
    demo: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder of its own for a page, with the demo's store and the configurations."""
    monkeypatch.chdir(tmp_path)
    rebuilt = tmp_path_factory.getbasetemp() / "rebuilt-demo"
    if rebuilt.exists():
        shutil.copytree(rebuilt, tmp_path / "demo", symlinks=True)
    else:
        shutil.copytree(demo / "demo", tmp_path / "demo", symlinks=True)
        subprocess.run([PROGRAM, "rebuild", "./demo"], check=True, capture_output=True)
        shutil.copytree(tmp_path / "demo", rebuilt, symlinks=True)  # `tmp_path` is the same for every test
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_of_a_page_print_what_it_shows(page: Path, folder: Path) -> None:
    blocks = [block for block in read_blocks(page) if block.language in {"bash", "python"} and not block.mark]
    assert run_document(page, folder) == len(blocks)


def test_network_commands_run_against_a_local_vendor(
    polygon: PolygonServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "configs" / "polygon.yaml"
    text = path.read_text(encoding="utf-8")
    changed = re.sub(r"base_url: null", f"base_url: {polygon.url}", text).replace("per_minute: 5 ", "per_minute: null ")
    changed = re.sub(r"    (GOOGL|AMZN|NVDA|META|TSLA|JPM|XOM|\"X:BTCUSD\"):.*\n", "", changed)
    assert polygon.url in changed
    path.write_text(changed, encoding="utf-8")
    monkeypatch.setenv("POLYGON_API_KEY", KEY)
    assert run_document(GUIDE / "vendors.md", folder, marks=("network",)) == 1


def test_every_block_has_a_known_language_and_mark() -> None:
    blocks = [block for path in documents() for block in read_blocks(path)]
    assert {block.language for block in blocks} <= {"bash", "python", "sql", "yaml"}
    assert {block.mark for block in blocks} <= {"", "install", "network", "slow", "gymnasium"}
    assert [block.mark for block in read_blocks(ROOT / "README.md") if block.mark] == ["install", "install"]


def test_every_link_leads_somewhere() -> None:
    broken = []
    for path in documents():
        for target, anchor in _LINK.findall(path.read_text(encoding="utf-8")):
            if target.startswith("http"):
                continue
            to = (path.parent / target).resolve() if target else path
            if not to.exists() or (anchor and anchor not in _anchors(to)):
                broken.append(f"{path.relative_to(ROOT)}: {target}#{anchor}")
    assert broken == []


def test_every_rule_of_the_sql_names_tests_that_exist() -> None:
    rules = (ROOT / "sql" / "README.md").read_text(encoding="utf-8").partition("## Rules")[2].partition("\n## ")[0]
    named = re.findall(r"`((?:\w+/)*(?:test_\w+\.py::\w+|answers/\w+))`", rules)
    assert len(named) > 30
    for one in named:
        path, _, function = one.partition("::")
        found = ROOT / "tests" / path
        assert found.is_dir() or f"def {function}(" in found.read_text(encoding="utf-8"), one


def _anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_readme_takes_five_minutes() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 1_500


@pytest.mark.parametrize(
    ("document", "command"),
    [("sql/README.md", ["sql", "--reference"]), ("configs/README.md", ["config", "reference"])],
)
def test_generated_reference_is_current(document: str, command: list[str]) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    shown = text.partition("<!-- reference: begin -->\n")[2].partition("<!-- reference: end -->")[0]
    printed = subprocess.run([PROGRAM, *command], check=True, capture_output=True, text=True).stdout
    assert shown == printed, f"put the output of `mtstore {' '.join(command)}` between the marks of {document}"
