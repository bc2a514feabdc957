"""Start-up and rest: the time from the start of the process to the answer of its first `1+1`, Tunebook and JJava in turns on this machine, and the
memory that each holds afterwards, idle. Completion, as it is asked for at each key: Tunebook and JJava once more, in one kernel each, warm.

    python bench/kernel_startup.py [--record]

Needs jupyter_client, psutil, and jjava from PyPI in the same Python; the kernel's jar must have been built (mvn package -pl kernel).
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import psutil
import zmq
from jupyter_client.connect import write_connection_file
from jupyter_client.session import Session

import record
from kernel_roundtrip import install, peer_folders

ROUNDS, IDLE = 7, 10
COMPLETIONS = ["System.out.pri", "List.of(1, 2).st", "new ArrayL", "var q = new ArrayDeque<String>();\nq.addF", "for (var e : System.getenv().entrySet()) {\n    e.getK",
               "Math.max(", "import java.util.conc", "Strin", "Inflat"]
WARM, TIMES = 5, 20


class Kernel:
    """A kernel's process and its shell channel, with as little between them as can be."""

    def __init__(self, spec, folder):
        self.file, info = write_connection_file(os.path.join(folder, "connection.json"), key=b"0123456789")
        argv = [a.replace("{connection_file}", self.file).replace("{resource_dir}", spec["resource_dir"]) for a in spec["argv"]]
        self.session = Session(key=b"0123456789")
        self.context = zmq.Context()
        self.sockets = {}
        for name, kind in (("shell", zmq.DEALER), ("iopub", zmq.SUB), ("control", zmq.DEALER)):
            socket = self.sockets[name] = self.context.socket(kind)
            socket.linger = 0
            socket.reconnect_ivl = 1
            socket.rcvtimeo = 60_000
        self.sockets["iopub"].subscribe(b"")
        self.began = time.perf_counter()
        self.process = subprocess.Popen(argv, env={**os.environ, **spec["env"]}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, socket in self.sockets.items():
            socket.connect(f"tcp://127.0.0.1:{info[name + '_port']}")

    def ask(self, kind, content, channel="shell"):
        request = self.session.send(self.sockets[channel], kind, content)["header"]["msg_id"]
        while True:
            _, reply = self.session.recv(self.sockets[channel], mode=0)
            if reply["parent_header"].get("msg_id") == request:
                return reply["content"]

    def processes(self):
        """The kernel's process and what it started: JJava's launcher starts another."""
        process = psutil.Process(self.process.pid)
        return [process, *process.children(recursive=True)]

    def memory(self):
        return sum(p.memory_info().rss for p in self.processes()) / 2**20

    def close(self):
        for process in self.processes():
            process.kill()
        self.process.wait()
        self.context.destroy()


def spec(folders, name):
    for folder in folders:
        file = pathlib.Path(folder, name, "kernel.json")
        if file.exists():
            return {**json.loads(file.read_text("utf-8")), "resource_dir": str(file.parent)}
    raise FileNotFoundError(f"no kernel {name} in {folders}")


def execute(kernel, code):
    reply = kernel.ask("execute_request", dict(code=code, silent=False, store_history=True, user_expressions={}, allow_stdin=False,
                                               stop_on_error=True))
    assert reply["status"] == "ok", reply


def start(spec, folder):
    kernel = Kernel(spec, folder)
    execute(kernel, "1+1")
    return kernel, (time.perf_counter() - kernel.began) * 1000


def completion(kernel):
    """Milliseconds for each text: the median, after warm ones."""
    medians = []
    for code in COMPLETIONS:
        times = []
        for _ in range(WARM + TIMES):
            began = time.perf_counter()
            kernel.ask("complete_request", dict(code=code, cursor_pos=len(code)))
            times.append((time.perf_counter() - began) * 1000)
        medians.append(statistics.median(times[WARM:]))
    return medians


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEBOOK_HISTORY"] = os.path.join(folder, "history.jsonl")
        specs = {"Tunebook": spec([install(folder)], "tunebook"), "JJava": spec(peer_folders(), "java")}
        times = {name: [] for name in specs}
        for i in range(1 + ROUNDS):
            for name, s in specs.items():
                kernel, milliseconds = start(s, folder)
                kernel.close()
                if i > 0:
                    times[name].append(milliseconds)
        first = {name: statistics.median(t) for name, t in times.items()}
        memory, complete = {}, {}
        for name, s in specs.items():
            kernel, _ = start(s, folder)
            time.sleep(IDLE)
            memory[name] = kernel.memory()
            complete[name] = completion(kernel)
            kernel.close()
    ours, peer = first.values()
    print(f"process start to the answer of 1+1, median of {ROUNDS}: Tunebook {ours:.0f} ms, JJava {peer:.0f} ms, ratio {ours / peer:.2f} (goal 0.5)")
    print("resident memory, idle after 1+1: " + ", ".join(f"{n} {m:.0f} MB" for n, m in memory.items()) + " (goal 110)")
    for i, code in enumerate(COMPLETIONS):
        print(f"{code.splitlines()[-1].strip():22} " + "  ".join(f"{n} {c[i]:6.1f} ms" for n, c in complete.items()))
    worst = {name: max(c) for name, c in complete.items()}
    if options.record:
        command = "python bench/kernel_startup.py"
        record.row("kernel.startup", "process start to the answer of the first 1+1, median", round(ours), round(peer), "ms",
                   round(ours / peer, 3), "<=0.5", command)
        record.row("kernel.memory.idle", "resident memory of an idle kernel after its first cell", round(memory["Tunebook"]),
                   round(memory["JJava"]), "MB", round(memory["Tunebook"]), "<=110", command)
        record.row("kernel.completion", "completion, warm: the slowest of nine texts at the median", round(worst["Tunebook"], 1),
                   round(worst["JJava"], 1), "ms", round(worst["Tunebook"], 1), "<=100", command)


if __name__ == "__main__":
    main()
