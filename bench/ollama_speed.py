"""How fast the embedded server answers, beside a real Ollama with the same file on the same cores: one after the other, in turns.

    python bench/ollama_speed.py --ollama OLLAMA [--model MODEL.gguf] [--rounds 7] [--record]

OLLAMA is a built server with its llama-server beside it. All times are the client's: from the request to the first piece, and from piece to
piece. Each prompt begins otherwise, so that no server knows it already. Run it on a machine that does nothing else.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

import record

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMAND = "python bench/ollama_speed.py --ollama OLLAMA --record"
WORDS = ("the river ran past an old mill where a miller and two cats had lived since the year of the great flood and nobody in the "
         "village knew how old they were or what they ate in winter when snow lay on the roof ").split()


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def process(command, port, **more):
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, **more)
        try:
            for _ in range(600):
                try:
                    socket.create_connection(("127.0.0.1", port), 1).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            running.send_signal(signal.SIGINT)
            running.wait()


def ours(model):
    library = ROOT / "src/target"
    path = os.pathsep.join(map(str, (library / "tunebook-0.1.0.jar", library / "lib/*", ROOT / "kernel/target/tunebook-kernel.jar")))
    port = free_port()
    return process(["java", "-cp", path, "io.tunebook.ollama.server.EmbeddedOllama", "--model", model, "--name", "speed",
                    "--port", str(port)], port)


def theirs(ollama, folder):
    port = free_port()
    env = {**os.environ, "OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": f"{folder}/models", "HOME": folder, "OLLAMA_NO_CLOUD": "1"}
    return process([ollama, "serve"], port, env=env)


def create(url, model):
    """What the server is sent is the file; both make the prompts below as they are."""
    import hashlib

    data = pathlib.Path(model).read_bytes()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    post(f"{url}/api/blobs/{digest}", data).read()
    post(f"{url}/api/create", json.dumps({"model": "speed", "files": {"model.gguf": digest}, "stream": False}).encode()).read()


def post(url, data):
    return urllib.request.urlopen(urllib.request.Request(url, data, {"Content-Type": "application/json"}), timeout=600)


def ask(url, prompt, tokens):
    """Seconds to the first piece, seconds from it to the last one, and the last line."""
    body = {"model": "speed", "prompt": prompt, "raw": True, "keep_alive": -1,
            "options": {"temperature": 0, "num_predict": tokens, "num_ctx": 2048, "seed": 1}}
    start = time.perf_counter()
    first = last = None
    with post(f"{url}/api/generate", json.dumps(body).encode()) as answer:
        for line in answer:
            piece = json.loads(line)
            if piece.get("response"):
                last = time.perf_counter()
                first = first or last
    return first - start, last - first, piece


def prompt(round, words):
    return f"{round} {time.time_ns() % 100_000}: " + " ".join(WORDS[(i + round) % len(WORDS)] for i in range(words))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ollama", required=True)
    parser.add_argument("--model", default=os.environ.get("TUNEBOOK_DEFAULT_MODEL"))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as folder, theirs(os.path.abspath(options.ollama), folder) as peer, ours(options.model) as own:
        create(peer, options.model)
        for round in range(-1, options.rounds):
            for name, url in (("ours", own), ("Ollama", peer)):
                long, _, answer = ask(url, prompt(round, 900), 1)
                _, time_of, told = ask(url, prompt(round, 12), 128)
                short, _, _ = ask(url, prompt(round, 24), 1)
                if round >= 0:  # the one before loads the model
                    figures = found.setdefault(name, {"prompt": [], "generation": [], "first_token": []})
                    figures["prompt"].append(answer["prompt_eval_count"] / long)
                    figures["generation"].append((told["eval_count"] - 1) / time_of)
                    figures["first_token"].append(short * 1000)
    for key, unit, work in (("prompt", "tokens/s", "a prompt of some 1,000 tokens, to the first token"),
                            ("generation", "tokens/s", "128 tokens after a short prompt"),
                            ("first_token", "ms", "a prompt of some 30 tokens, to the first token")):
        mine, peers = (statistics.median(found[name][key]) for name in ("ours", "Ollama"))
        ratio = peers / mine if unit == "ms" else mine / peers
        print(f"{key}: ours {mine:.1f} {unit}, Ollama {peers:.1f}; ratio {ratio:.2f} (median of {options.rounds})")
        if options.record:
            record.row(f"ollama.{key}", f"the embedded server beside Ollama, SmolLM2-135M (Q4_1): {work}", round_(mine), round_(peers),
                       unit, round_(ratio, 3), ">=0.95", COMMAND)


def round_(value, digits=1):
    return float(f"{value:.{digits}f}")


if __name__ == "__main__":
    main()
