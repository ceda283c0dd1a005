"""The README is run: every command, every Python block, and what they are said to print."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAME = doctest.OutputChecker()


@dataclass(frozen=True)
class Block:
    language: str
    mark: str
    text: str
    line: int
    expected: str | None


def readme_blocks() -> list[Block]:
    text = README.read_text(encoding="utf-8")
    found = [
        (match[1], match[2].strip(), match[3], text.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(text)
    ]
    blocks = []
    for number, (language, mark, body, line) in enumerate(found):
        follower = found[number + 1] if number + 1 < len(found) else None
        expected = follower[2] if follower and follower[0] == "text" else None
        if language != "text":
            blocks.append(Block(language, mark, body, line, expected))
    return blocks


def check(block: Block, printed: str) -> None:
    """Compare what was printed; `...` in the README stands for anything, such as a time."""
    if block.expected is None:
        return
    printed = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
    expected = "\n".join(line.rstrip() for line in block.expected.splitlines()) + "\n"
    flags = doctest.ELLIPSIS | doctest.REPORT_NDIFF
    if not _SAME.check_output(expected, printed, flags):
        example = doctest.Example(block.text, expected)
        pytest.fail(f"README.md:{block.line}\n" + _SAME.output_difference(example, printed, flags), pytrace=False)


def run_shell(block: Block, folder: Path) -> str:
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120", "TZ": "UTC"}
    done = subprocess.run(
        ["bash", "-e", "-c", block.text], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"README.md:{block.line} exited with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


def run_python(block: Block, names: dict[str, object]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, f"README.md:{block.line}", "exec"), names)  # noqa: S102 - the README's own code
    return printed.getvalue()


def test_every_command_and_its_output_are_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")
    names: dict[str, object] = {"__name__": "readme"}
    ran = 0
    for block in readme_blocks():
        if block.mark == "install" or block.language not in {"bash", "python"}:
            continue
        check(block, run_shell(block, tmp_path) if block.language == "bash" else run_python(block, names))
        ran += 1
    assert ran >= 4


def test_every_block_says_what_it_is() -> None:
    assert {block.language for block in readme_blocks()} <= {"bash", "python", "sql", "yaml"}
    assert [block.mark for block in readme_blocks() if block.mark] == ["install", "install"]


def test_the_reference_of_the_sql_is_what_the_comments_say() -> None:
    shown = README.read_text(encoding="utf-8").partition("<!-- sql reference: begin -->\n")[2]
    said = run_shell(Block("bash", "", "mtstore sql --reference", 0, None), ROOT)
    assert shown.partition("<!-- sql reference: end -->")[0] == said, "put in what `mtstore sql --reference` prints"
