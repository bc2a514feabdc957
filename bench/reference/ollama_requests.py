"""Records what Ollama's command-line client sends and what a real server answers, for the tests of the embedded server.

    python bench/reference/ollama_requests.py OLLAMA MODEL.gguf [CLIENT ...]

OLLAMA is a built server with its llama-server beside it, MODEL.gguf the default model. Each CLIENT (OLLAMA itself if none is named) runs all
commands of ollama_commands.json through a proxy in front of the server; then the requests of ollama_requests.json are sent to it. Both lists,
with all requests and answers, become one golden file. Run by hand: CI has no Ollama.
"""

import gzip
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parents[1] / "src/test/resources/io/tunebook/ollama/server/ollama_requests.json.gz"
LARGE = 1 << 16


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def short(value):
    """A list of many values becomes its length and its first value: a vocabulary is not worth its megabytes."""
    if isinstance(value, dict):
        return {k: short(v) for k, v in value.items()}
    if isinstance(value, list):
        return [{"items": len(value)}, short(value[0])] if len(value) > 64 else [short(v) for v in value]
    return value


def parsed(body, kind):
    # What tells of the machine stays out of the file.
    text = re.sub(r"/[\w/.-]*/models/blobs/", "MODELS/blobs/", body.decode())
    text = re.sub(r": dial tcp: [^\"]*", ": dial tcp: no such host", text)
    try:
        if "ndjson" in kind:
            return [short(json.loads(line)) for line in text.splitlines() if line.strip()]
        if "event-stream" in kind:
            events = [line[6:] for line in text.split("\n") if line.startswith("data: ")]
            return [short(json.loads(e)) if e.startswith("{") else e for e in events]
        if "json" in kind:
            return short(json.loads(text))
    except json.JSONDecodeError:
        pass
    return text


class Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, to, model_digest):
        super().__init__(("127.0.0.1", 0), Handler)
        self.to, self.model_digest, self.exchanges = to, model_digest, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def forward(self):
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        back = http.client.HTTPConnection("127.0.0.1", self.server.to)
        back.request(self.command, self.path, body or None, {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "accept")})
        answer = back.getresponse()
        kind = answer.getheader("Content-Type", "")
        self.send_response(answer.status)
        self.send_header("Content-Type", kind)
        self.send_header("Connection", "close")
        if self.command == "HEAD":
            self.send_header("Content-Length", answer.getheader("Content-Length", "0"))
        self.end_headers()
        whole = b""
        while piece := answer.read1(65536):
            whole += piece
            try:
                self.wfile.write(piece)
                self.wfile.flush()
            except OSError:
                break
        self.close_connection = True
        sent = {"method": self.command, "path": self.path}
        if self.headers.get("Content-Type"):
            sent["type"] = self.headers["Content-Type"]
        if body:
            # The model's file is known to the test: it is not kept here.
            sent["body"] = "MODEL" if hashlib.sha256(body).hexdigest() == self.server.model_digest else body.decode()
        self.server.exchanges.append({**sent, "status": answer.status, "answer_type": kind, "answer": parsed(whole, kind)})

    do_GET = do_HEAD = do_POST = do_DELETE = do_PUT = forward


def run(client, args, host, folder, stdin, typed):
    """One command; what is typed is typed at a terminal, a line each time that the prompt stands there."""
    env = {**os.environ, "OLLAMA_HOST": host, "HOME": str(folder), "OLLAMA_NOHISTORY": "1", "TERM": "xterm"}
    if typed is None:
        done = subprocess.run([client, *args], cwd=folder, env=env, input=(stdin or "").encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        return done.returncode, done.stdout.decode()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.execve(client, [client, *args], env)
    out, lines, until = "", list(typed), time.time() + 300
    while time.time() < until:
        if select.select([terminal], [], [], 1.0)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                break
            if not data:
                break
            out += data.decode(errors="replace")
        elif lines and ">>> " in out:
            # Quiet for a second with the prompt there.
            os.write(terminal, (lines.pop(0) + "\r").encode())
    else:
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), out


def readable(output):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output).replace("\r", "").strip()


def main():
    ollama, model = map(os.path.abspath, sys.argv[1:3])
    clients = [os.path.abspath(c) for c in sys.argv[3:]] or [ollama]
    digest = hashlib.sha256(pathlib.Path(model).read_bytes()).hexdigest()
    commands = json.loads((HERE / "ollama_commands.json").read_text())
    golden = {"clients": {}, "requests": []}
    for client in clients:
        with tempfile.TemporaryDirectory() as folder, serving(ollama, folder) as port:
            proxy = Proxy(port, digest)
            work = pathlib.Path(folder) / "work"
            work.mkdir()
            os.link(model, work / "model.gguf") if os.stat(model).st_dev == os.stat(work).st_dev else os.symlink(model, work / "model.gguf")
            version = subprocess.run([client, "--version"], env={**os.environ, "OLLAMA_HOST": f"127.0.0.1:{port}"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
            version = re.findall(r"\d+\.\d+\.\d+", version)[-1]
            steps = golden["clients"][version] = []
            for command in commands:
                for name, text in command.get("files", {}).items():
                    (work / name).write_text(text)
                proxy.exchanges = []
                code, output = run(client, command["run"], f"127.0.0.1:{proxy.server_port}", work, command.get("stdin"), command.get("typed"))
                steps.append({"run": command["run"], "exit": code, "exchanges": proxy.exchanges})
                print(f"{version} ollama {' '.join(command['run'])}: exit {code}, {len(proxy.exchanges)} requests", flush=True)
                if code:
                    print("    " + readable(output)[-300:])
            proxy.shutdown()
            if client == clients[-1]:
                golden["requests"] = list(requests(port))
    GOLDEN.write_bytes(gzip.compress(json.dumps(golden, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0))
    print(f"{len(golden['requests'])} requests; {GOLDEN.stat().st_size} bytes")


def requests(port):
    for sent in json.loads((HERE / "ollama_requests.json").read_text()):
        method, path = sent["request"].split(" ", 1)
        # REPEAT:duck :600 stands for that text so often.
        body = json.loads(re.sub(r"REPEAT:([^:]*):(\d+)", lambda m: m[1] * int(m[2]), json.dumps(sent.get("body"))))
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode() if "body" in sent else None
        back = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
        back.request(method, path, raw, {"Content-Type": "application/json", **sent.get("headers", {})} if raw else sent.get("headers", {}))
        answer = back.getresponse()
        whole, kind = answer.read(), answer.getheader("Content-Type", "")
        kept = {k.lower(): v for k, v in answer.getheaders() if k.lower() in ("location", "allow", "content-length") or k.lower().startswith("access-control")}
        if method != "HEAD" and answer.status < 300:
            kept.pop("content-length", None)
        print(f"{sent['request']} {json.dumps(body)[:100]}: {answer.status}", flush=True)
        yield {"method": method, "path": path, **({"body": raw.decode()} if raw else {}), **({"headers": sent["headers"]} if "headers" in sent else {}),
               "status": answer.status, "answer_type": kind, "answer_headers": kept, "answer": parsed(whole, kind)}


class serving:
    def __init__(self, ollama, folder):
        self.ollama, self.folder = ollama, folder

    def __enter__(self):
        port = free_port()
        env = {**os.environ, "OLLAMA_HOST": f"127.0.0.1:{port}", "OLLAMA_MODELS": os.path.join(self.folder, "models"), "HOME": self.folder, "OLLAMA_NO_CLOUD": "1"}
        self.log = open(os.path.join(tempfile.gettempdir(), "ollama_requests.log"), "wb")
        self.process = subprocess.Popen([self.ollama, "serve"], env=env, stdout=self.log, stderr=subprocess.STDOUT)
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return port
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server did not start: see " + self.log.name)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()
        self.log.close()


if __name__ == "__main__":
    main()
