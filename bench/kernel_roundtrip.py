"""Time from a trivial cell's request to its idle status and reply: Tunebook and JJava, one after the other on this machine.

    python bench/kernel_roundtrip.py [--record]

Needs jupyter_client, and jjava from PyPI in the same Python; the kernel's jar must have been built (mvn package -pl kernel).
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

import record

JAR = pathlib.Path(__file__).resolve().parent.parent / "kernel" / "target" / "tunebook-kernel.jar"
WARM, CELLS = 100, 200


def install(folder):
    subprocess.run(["java", "-jar", str(JAR), "install", "--prefix", folder, "--name", "tunebook"], check=True,
                   stdout=subprocess.DEVNULL)
    return os.path.join(folder, "share", "jupyter", "kernels")


def start(name, folders):
    specs = KernelSpecManager(kernel_dirs=folders)
    manager = KernelManager(kernel_name=name, kernel_spec_manager=specs)
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    return manager, client


def run(client, code):
    began = time.perf_counter()
    request = client.execute(code)
    texts = []
    while True:
        message = client.get_iopub_msg(timeout=60)
        if message["parent_header"].get("msg_id") != request:
            continue
        content = message["content"]
        if message["msg_type"] == "stream":
            texts.append(content["text"])
        elif message["msg_type"] == "execute_result":
            texts.append(content["data"]["text/plain"])
        elif message["msg_type"] == "error":
            raise RuntimeError("\n".join(content["traceback"]))
        elif content.get("execution_state") == "idle":
            break
    client.get_shell_msg(timeout=60)
    return time.perf_counter() - began, "".join(texts)


def measure(name, folders):
    manager, client = start(name, folders)
    try:
        times = []
        for i in range(WARM + CELLS):
            seconds, text = run(client, f"{i} + 1")
            assert text == str(i + 1), text
            times.append(seconds * 1000)
        return statistics.median(times[WARM:]), sorted(times[WARM:])[CELLS * 95 // 100]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def peer_folders():
    """Where pip may have put JJava's kernelspec."""
    folders = [os.path.join(p, "share", "jupyter", "kernels") for p in {sys.prefix, *sys.path}]
    return [f for f in folders if os.path.isdir(f)]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--record", action="store_true")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEBOOK_HISTORY"] = os.path.join(folder, "history.jsonl")
        ours = measure("tunebook", [install(folder)])
    peer = measure("java", peer_folders())
    print(f"a cell such as 7 + 1, median of {CELLS} after {WARM} warm ones (95th percentile)")
    print(f"Tunebook {ours[0]:.1f} ms ({ours[1]:.1f})   JJava {peer[0]:.1f} ms ({peer[1]:.1f})   ratio {ours[0] / peer[0]:.2f}")
    if options.record:
        record.row("kernel.roundtrip", "a trivial cell, request to idle and reply, median", round(ours[0], 1), round(peer[0], 1),
                   "ms", round(ours[0], 1), "<=8", "python bench/kernel_roundtrip.py")


if __name__ == "__main__":
    main()
