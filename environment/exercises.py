"""Makes exercises of solutions, by nbgrader.

    python environment/exercises.py course FOLDER   lay out a course for nbgrader: source/ with a folder for each
                                                    exercise, and nbgrader_config.py
    python environment/exercises.py release         write notebooks/exercises anew, as generate_assignment makes them

Run it with the Python of the set-up: environment/venv/bin/python.
"""

import json
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "environment" / "nbgrader_config.py"


def course(folder: Path) -> list[str]:
    """Lays out a course and gives back the exercises' names."""
    names = []
    for solution in sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb")):
        source = folder / "source" / solution.stem
        source.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(solution, source / solution.name)
        names.append(solution.stem)
    shutil.copyfile(CONFIG, folder / "nbgrader_config.py")
    return names


def release(into: Path) -> None:
    """Writes each exercise as nbgrader makes it of its solution."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config.loader import PyFileConfigLoader

    # nbgrader calls the program alembic, which lies beside this Python
    os.environ["PATH"] = str(Path(sys.executable).parent) + os.pathsep + os.environ.get("PATH", "")
    with tempfile.TemporaryDirectory() as folder:
        names = course(Path(folder))
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
        case ["course", folder]:
            names = course(Path(folder))
            print(f"{len(names)} exercises in {Path(folder) / 'source'}. Next, in {folder}:")
            print(f"nbgrader generate_assignment {names[0]}")
        case ["release"]:
            release(ROOT / "notebooks" / "exercises")
        case ["release", folder]:
            release(Path(folder))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
