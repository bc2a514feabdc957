"""Keeps bench/results.json: one row a measurement, replaced by its id, sorted, one line each."""

import datetime
import json
import os
import pathlib
import platform

RESULTS = pathlib.Path(__file__).resolve().parent / "results.json"
FIELDS = ("id", "work", "ours", "peer", "unit", "ratio", "goal", "command", "machine", "date")
ROOMS = ("kernel.", "train.", "data.", "ollama.")


def machine() -> str:
    """This machine in words: processor and the cores this process may use."""
    model = platform.processor() or platform.machine()
    info = pathlib.Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {cores} cores"


def flags() -> str:
    """Those of this processor's instructions that the speed of matrix products depends on."""
    telling = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "asimd", "bf16", "i8mm", "sve")
    info = pathlib.Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else []:
        if line.startswith(("flags", "Features")):
            there = line.split(":", 1)[1].split()
            return " ".join(flag for flag in telling if flag in there)
    return ""


def row(id, work, ours, peer, unit, ratio, goal, command, machine=None):
    """Writes one row. `ratio` is the number that `goal` (such as ">=1.4" or "<=0.6") speaks of."""
    if not id.startswith(ROOMS):
        raise ValueError(f"id must begin with one of {ROOMS}, found {id!r}")
    if not goal.startswith((">=", "<=")):
        raise ValueError(f"goal must read like '>=1.4' or '<=0.6', found {goal!r}")
    values = (id, work, ours, peer, unit, ratio, goal, command, machine or globals()["machine"](),
              datetime.date.today().isoformat())
    rows = {r["id"]: r for r in json.loads(RESULTS.read_text("utf-8"))} if RESULTS.exists() else {}
    rows[id] = dict(zip(FIELDS, values))
    lines = ",\n".join(json.dumps(rows[k], ensure_ascii=False) for k in sorted(rows))
    part = RESULTS.with_suffix(".json.part")
    part.write_text(f"[\n{lines}\n]\n", "utf-8")
    part.replace(RESULTS)
