"""Read the fenced blocks of the documents, run them, and compare what they print."""

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
GUIDE = ROOT / "mtstore" / "docs"
_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_OUTPUT = doctest.OutputChecker()
_FLAGS = doctest.ELLIPSIS | doctest.REPORT_NDIFF


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the word after it, and the output that the document shows for it."""

    place: str
    language: str
    mark: str
    text: str
    expected: str | None


def documents() -> list[Path]:
    """Return the Markdown files of the repository."""
    listed = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [ROOT / name for name in listed.split()] or sorted(ROOT.glob("**/*.md"))


def read_blocks(path: Path) -> list[Block]:
    """Return the blocks of a document; a block `text` is the output of the one before it."""
    text = path.read_text(encoding="utf-8")
    blocks: list[Block] = []
    for match in _FENCE.finditer(text):
        language, mark, body = match[1], match[2].strip(), match[3]
        place = f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}"
        if language != "text":
            blocks.append(Block(place, language, mark, body, None))
        elif blocks and blocks[-1].expected is None and not text[: match.start()].rpartition("```")[2].strip():
            blocks[-1] = Block(blocks[-1].place, blocks[-1].language, blocks[-1].mark, blocks[-1].text, body)
    return blocks


def run_document(path: Path, folder: Path, marks: tuple[str, ...] = ("",)) -> int:
    """Run the bash and Python blocks of a document that bear one of `marks` in `folder`; return how many ran."""
    names: dict[str, object] = {"__name__": path.stem}
    ran = 0
    for block in read_blocks(path):
        if block.mark in marks and block.language in {"bash", "python"}:
            compare(block, run_shell(block, folder) if block.language == "bash" else run_python(block, names))
            ran += 1
    return ran


def compare(block: Block, printed: str) -> None:
    """Fail if a block printed something else than its document shows; `...` stands for anything, such as a time."""
    if block.expected is None:
        return
    printed = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
    expected = "\n".join(line.rstrip() for line in block.expected.splitlines()) + "\n"
    if not _OUTPUT.check_output(expected, printed, _FLAGS):
        example = doctest.Example(block.text, expected)
        pytest.fail(f"{block.place}\n" + _OUTPUT.output_difference(example, printed, _FLAGS), pytrace=False)


def run_shell(block: Block, folder: Path) -> str:
    """Run a block in bash, in `folder`, with this interpreter's programs first on the path."""
    bin_folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "120", "TZ": "UTC"}
    done = subprocess.run(
        ["bash", "-e", "-c", block.text], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.fail(f"{block.place} exited with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


def run_python(block: Block, names: dict[str, object]) -> str:
    """Run a block in this process, after those that ran before it over the same names."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(block.text, block.place, "exec"), names)  # noqa: S102 - the documents' own code
    return printed.getvalue()
