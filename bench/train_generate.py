"""Greedy answers of 64 tokens by SmolLM2-135M on two CPU cores: seconds of the best of four answers in a warm process, against

- Transformers' generate on the same weights, in float32 and in bfloat16, the faster of which counts;
- with --llama-server, for the fine-tuned model: llama.cpp's own server on the same file with the same adapter as GGUF beside it, asked over HTTP.

Tunebook answers by the llama.cpp that TUNEBOOK_GENERATOR names, else by that of environment/llama_cpp.py in environment/cache/llama.cpp if it is there.

    python bench/train_generate.py --model smollm2.gguf [--llama-server llama-server] [--record] [--cores 0,1]
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile
import time

import training

COMMAND = "python bench/train_generate.py --model $TUNEBOOK_DEFAULT_MODEL --llama-server llama-server --record"
PROMPT = [1, 4093, 198, 11060, 253, 1890, 2063, 563, 253, 2526, 282, 260, 905, 30, 2, 198, 1, 520, 9531, 198]
TOKENS = 64
ANSWERS = 4


def run_peer(model_file: str, precision: str) -> None:
    import torch
    import transformers
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    path = pathlib.Path(model_file)
    model = transformers.AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=getattr(torch, precision))
    ids = torch.tensor([PROMPT])
    best = 1e9
    for _ in range(ANSWERS):
        start = time.time()
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS, do_sample=False)
        best = min(best, time.time() - start)
    written = out[0, len(PROMPT):].tolist()
    print(json.dumps(dict(seconds=best, tokens=len(written), ids=written, precision=precision)))


def run_server(server: str, model: str, adapter: str) -> None:
    """llama.cpp's server with as many threads as cores, its own defaults otherwise; a prompt that it has is not computed anew, as in Tunebook."""
    import socket
    import subprocess
    import urllib.error
    import urllib.request
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    threads = str(len(os.sched_getaffinity(0)))
    command = [server, "--model", model, "--lora", adapter, "--threads", threads, "--ctx-size", "1024", "--parallel", "1", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(path, body=None):
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body and json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    try:
        for _ in range(600):
            try:
                ask("/health")
                break
            except (urllib.error.URLError, ConnectionError):
                if process.poll() is not None:
                    raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
                time.sleep(0.1)
        best = 1e9
        for _ in range(ANSWERS):
            start = time.time()
            answer = ask("/completion", dict(prompt=PROMPT, n_predict=TOKENS, temperature=0, top_k=1, return_tokens=True))
            best = min(best, time.time() - start)
        print(json.dumps(dict(seconds=best, tokens=len(answer["tokens"]), ids=answer["tokens"], of_itself=answer["timings"]["predicted_per_second"])))
    finally:
        process.terminate()
        process.wait()


def rate(result: dict) -> float:
    return result["tokens"] / result["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--llama-server", help="llama.cpp's own server")
    parser.add_argument("--cores", default="0,1")
    parser.add_argument("--record", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("TUNEBOOK_GENERATOR", str(training.ROOT / "environment/cache/llama.cpp"))
    if options.llama_server:
        with tempfile.TemporaryDirectory() as folder:
            adapter = pathlib.Path(folder) / "adapter.gguf"
            tuned = training.ours("finetuned", options.model, adapter, TOKENS, *PROMPT, cores=options.cores)
            server = training.peer(__file__, "server", options.llama_server, options.model, adapter, cores=options.cores)
        same = sum(a == b for a, b in zip(tuned["ids"], server["ids"]))
        print(f"{same} of {max(tuned['tokens'], server['tokens'])} tokens are the same; by {tuned['writer']}")
        work = f"greedy answer of a fine-tuned model, SmolLM2-135M with an adapter of rank 16, 2 CPU cores, by {tuned['writer']}; llama.cpp's server on the same files"
        training.report(options.record, "train.generate.llama", work, rate(tuned), rate(server), "tokens/s", ">=0.9", COMMAND)
    mine = training.ours("generate", options.model, TOKENS, *PROMPT, cores=options.cores)
    peers = [training.peer(__file__, options.model, p, cores=options.cores) for p in ("float32", "bfloat16")]
    best = max(peers, key=rate)
    work = f"greedy answer, SmolLM2-135M, 2 CPU cores, by {mine['writer']}; Transformers' generate in {best['precision']}"
    training.report(options.record, "train.generate", work, rate(mine), rate(best), "tokens/s", ">=1.5", COMMAND)


if __name__ == "__main__":
    if sys.argv[1:2] != ["peer"]:
        main()
    elif sys.argv[2] == "server":
        run_server(*sys.argv[3:])
    else:
        run_peer(*sys.argv[2:])
