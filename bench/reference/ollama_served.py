"""Makes the golden file of what a real Ollama server renders for exported models.

    python bench/reference/ollama_served.py OLLAMA TOKENIZER.gguf CLASSPATH

OLLAMA is a built server with its llama-server beside it, TOKENIZER.gguf the default model, whose tokens the small models have, and CLASSPATH that
of the library with its tests. For each family of ollama_templates.json.gz a small model with the family's chat template and special tokens is
exported by OllamaExport as a person would do it; then the server renders the conversations that exports are tried on
(``_debug_render_only``), and calls a tool. Which template the server chose, the exported one or the one inside the file, is read off its log.
Beside each stands what Transformers makes of the same conversation, which must be installed.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile

from ollama_requests import HERE, serving
from transformers.utils.chat_template_utils import render_jinja_template

RESOURCES = HERE.parents[1] / "src/test/resources/io/tunebook/export"


def transformers(family, chat):
    """The text that a training sees; None where the template refuses the conversation."""
    messages = [{**m, **({"reasoning_content": m["thinking"]} if "thinking" in m else {}), **({"name": m["tool_name"]} if "tool_name" in m else {})}
                for m in chat["messages"]]
    for message in messages:
        for call in message.get("tool_calls", []):
            call["type"] = "function"
    think = {} if chat.get("think") is None else {"enable_thinking": chat["think"]}
    try:
        rendered, _ = render_jinja_template([messages], tools=chat.get("tools"), chat_template=family["jinja"], add_generation_prompt=True,
                                            bos_token=family["bos"], eos_token=family["eos"], date_string="26 Jul 2024", **think)
        return rendered[0]
    except Exception:
        return None


def main():
    ollama, model, classpath = sys.argv[1:4]
    families = json.loads(gzip.open(RESOURCES / "ollama_templates.json.gz").read())["families"]
    with tempfile.TemporaryDirectory() as folder:
        with serving(os.path.abspath(ollama), folder) as port:
            env = {**os.environ, "OLLAMA_HOST": f"127.0.0.1:{port}"}
            version = subprocess.run([ollama, "--version"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
            asked = subprocess.run(["java", "-cp", classpath, "io.tunebook.export.ServedRenderings", model, folder], input=json.dumps(families).encode(),
                                   env=env, stdout=subprocess.PIPE, check=True)
        with open(os.path.join(tempfile.gettempdir(), "ollama_requests.log"), errors="replace") as log:
            chosen = dict(re.findall(r'msg="template selection" model=\S*?([^/\s]+):latest selected=(\w+)', log.read()))
    answers = json.loads(asked.stdout.decode().splitlines()[-1])
    made = answers["families"]
    for one in made:
        for chat in one["chats"]:
            asked_for = chat.pop("request")
            trained = transformers(next(f for f in families if f["name"] == one["family"]), asked_for)
            if trained is not None:
                chat["transformers"] = trained
    jinja = {f["name"]: f["jinja"] for f in families}
    for one in made:
        # A file that two families share stays loaded under the first one's name; one that is not loaded is not told of.
        one["selected"] = next((chosen[other] for other in chosen if jinja.get(other) == jinja[one["family"]]), "")
    golden = {"version": re.findall(r"\d+\.\d+\.\d+", version)[-1], **answers}
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":")).encode()
    (RESOURCES / "ollama_served.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    for one in made:
        print(one["family"], one["selected"], sum("text" in c for c in one["chats"]), "rendered,", [c["error"] for c in one["chats"] if "error" in c])
    print(answers["calls"]["whole"], answers["calls"]["called"], answers["calls"]["said"])


if __name__ == "__main__":
    main()
