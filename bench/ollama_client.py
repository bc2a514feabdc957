"""What a client of Ollama costs for each streamed token: Tunebook's and the official one for Python read the same answer from a server
that has all of it ready and sends it as Ollama does, a chunk a token. The time is all of it, from the question to the last token read,
divided by the tokens; reading the same bytes from the socket without understanding them is printed beside.

    python bench/ollama_client.py [--record] [--tokens 20000] [--rounds 5]
"""

import argparse
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import threading
import time

import record

ROOT = pathlib.Path(__file__).resolve().parents[1]
COMMAND = "python bench/ollama_client.py --record"
WORDS = ["The", " quick", " brown", " fox", " 跳过", " the", " lazy", " dog", ".", "\n"]


def answer(tokens: int) -> bytes:
    out = [b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"]

    def chunk(line: dict) -> None:
        data = json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        out.append(b"%x\r\n%s\r\n" % (len(data), data))

    stamp = {"model": "m", "created_at": "2026-11-24T12:00:00.123456789Z"}
    for i in range(tokens):
        chunk({**stamp, "message": {"role": "assistant", "content": WORDS[i % len(WORDS)]}, "done": False})
    chunk({**stamp, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop",
           "total_duration": 5000000000, "load_duration": 100000, "prompt_eval_count": 12, "prompt_eval_duration": 1000000,
           "eval_count": tokens, "eval_duration": 4000000000})
    out.append(b"0\r\n\r\n")
    return b"".join(out)


def serve(listener: socket.socket, body: bytes) -> None:
    def one(connection: socket.socket) -> None:
        with connection:
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                head, data = data.split(b"\r\n\r\n", 1)
                length = next((int(l.split(b":")[1]) for l in head.split(b"\r\n") if l.lower().startswith(b"content-length:")), 0)
                while len(data) < length:
                    data += connection.recv(65536)
                data = data[length:]
                connection.sendall(body)

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=one, args=(connection,), daemon=True).start()


def ours(url: str, tokens: int, rounds: int) -> list[float]:
    library = ROOT / "src/target"
    path = os.pathsep.join(map(str, (ROOT / "bench/target/classes", library / "tunebook-0.1.0.jar", library / "lib/*", ROOT / "kernel/target/tunebook-kernel.jar")))
    out = subprocess.run(["java", "-cp", path, "io.tunebook.bench.OllamaChat", url, str(tokens), str(rounds)], check=True,
                         stdout=subprocess.PIPE, text=True)
    return [float(line) for line in out.stdout.split()]


def theirs(url: str, tokens: int, rounds: int) -> list[float]:
    program = """
import sys, time, ollama
client = ollama.Client(sys.argv[1])
for _ in range(int(sys.argv[3])):
    start, characters, pieces = time.perf_counter(), 0, 0
    for piece in client.chat("m", [{"role": "user", "content": "go"}], stream=True):
        characters += len(piece.message.content)
        pieces += 1
    assert pieces == int(sys.argv[2]) + 1 and characters
    print(time.perf_counter() - start)
"""
    out = subprocess.run([sys.executable, "-c", program, url, str(tokens), str(rounds)], check=True, stdout=subprocess.PIPE, text=True)
    return [float(line) for line in out.stdout.split()]


def bare(address: tuple, length: int, rounds: int) -> list[float]:
    times = []
    buffer = bytearray(1 << 18)
    for _ in range(rounds):
        with socket.create_connection(address) as connection:
            start, got = time.perf_counter(), 0
            connection.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
            while got < length:
                got += connection.recv_into(buffer)
            times.append(time.perf_counter() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--tokens", type=int, default=20000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    body = answer(options.tokens)
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    threading.Thread(target=serve, args=(listener, body), daemon=True).start()
    url = "http://127.0.0.1:%d" % listener.getsockname()[1]
    figures = {}
    for name, run in (("bare", lambda: bare(listener.getsockname(), len(body), options.rounds)),
                      ("ours", lambda: ours(url, options.tokens, options.rounds)),
                      ("ollama-python", lambda: theirs(url, options.tokens, options.rounds))):
        times = [t / options.tokens * 1e6 for t in run()]
        figures[name] = statistics.median(times)
        print(f"{name}: {figures[name]:.2f} µs a token (median of {options.rounds}; the first round, cold: {times[0]:.2f})")
    mine, peer = figures["ours"], figures["ollama-python"]
    print(f"ratio {mine / peer:.3f}")
    if options.record:
        record.row("ollama.client.token", "reading a streamed chat, time for each token", round(mine, 2), round(peer, 2), "µs",
                   round(mine, 2), "<=50", COMMAND)


if __name__ == "__main__":
    main()
