"""Makes exercises of solutions, by nbgrader, in English and in Chinese.

    python environment/exercises.py course FOLDER [zh]   lay out a course for nbgrader: source/ with a folder for each
                                                         exercise, and nbgrader_config.py
    python environment/exercises.py release [FOLDER]     write notebooks/exercises and notebooks/zh/exercises anew, as
                                                         generate_assignment makes them; or FOLDER and FOLDER/zh

The code stands in notebooks/solutions alone. A Chinese exercise is made of it and of notebooks/zh/exercises/NAME.md: each
text cell under a line with its id, and at the end a table of the strings and comments that are other words in Chinese.

Run it with the Python of the set-up: environment/venv/bin/python.
"""

import json
import logging
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "environment" / "nbgrader_config.py"
LANGUAGES = {"": ROOT / "notebooks" / "exercises", "zh": ROOT / "notebooks" / "zh" / "exercises"}
CELL = re.compile(r"^<!-- cell (\S+) -->$", re.MULTILINE)
WORDS = re.compile(r"^\| `(.+)` \| `(.+)` \|$", re.MULTILINE)


def translated(solution: Path, text: Path) -> str:
    """The solution with the text cells and the words of a translation."""
    _, *parts = CELL.split(text.read_text(encoding="utf-8"))
    cells = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    words = dict(WORDS.findall(cells.pop("words")))
    notebook = json.loads(solution.read_text(encoding="utf-8"))
    unused = set(words)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            if cell["id"] not in cells:
                raise SystemExit(f"{text}: no cell {cell['id']}")
            source = cells.pop(cell["id"])
        else:
            for english, other in words.items():
                if english in source:
                    unused.discard(english)
                    source = source.replace(english, other)
        cell["source"] = source.splitlines(keepends=True)
    if cells or unused:
        raise SystemExit(f"{text}: {solution.name} has no {', '.join([*cells, *sorted(unused)])}")
    return json.dumps(notebook, ensure_ascii=False, indent=1)


def course(folder: Path, language: str = "") -> list[str]:
    """Lays out a course and gives back the exercises' names."""
    names = []
    for solution in sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb")):
        source = folder / "source" / solution.stem
        source.mkdir(parents=True, exist_ok=True)
        if language:
            made = translated(solution, LANGUAGES[language] / f"{solution.stem}.md")
            (source / solution.name).write_text(made, encoding="utf-8", newline="\n")
        else:
            shutil.copyfile(solution, source / solution.name)
        names.append(solution.stem)
    shutil.copyfile(CONFIG, folder / "nbgrader_config.py")
    return names


def release(into: Path, language: str = "") -> None:
    """Writes each exercise as nbgrader makes it of its solution."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    # nbgrader calls the program alembic, which lies beside this Python
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    with tempfile.TemporaryDirectory() as folder:
        names = course(Path(folder), language)
        config = PyFileConfigLoader(str(CONFIG)).load_config()
        config.CourseDirectory.root = folder
        api = NbGraderAPI(config=config)
        api.log = logging.getLogger("exercises")
        into.mkdir(parents=True, exist_ok=True)
        for name in names:
            result = api.generate_assignment(name)
            if not result["success"]:
                raise SystemExit(f"nbgrader made no exercise of {name}:\n{result.get('error')}\n{result.get('log')}")
            made = json.loads((Path(folder) / "release" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
            text = json.dumps(made, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            (into / f"{name}.ipynb").write_text(text, encoding="utf-8", newline="\n")


def main(arguments: list[str]) -> None:
    match arguments:
        case ["course", folder] | ["course", folder, "zh"]:
            names = course(Path(folder), *arguments[2:])
            print(f"{len(names)} exercises in {Path(folder) / 'source'}. Next, in {folder}:")
            print(f"nbgrader generate_assignment {names[0]}")
        case ["release"]:
            for language, into in LANGUAGES.items():
                release(into, language)
        case ["release", folder]:
            for language in LANGUAGES:
                release(Path(folder) / language, language)
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
