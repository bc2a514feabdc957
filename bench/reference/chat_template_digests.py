"""Makes the digests of what Transformers renders with the chat templates that packages of PyPI and npm carry.

    python environment/chat_templates.py FOLDER
    python bench/reference/chat_template_digests.py FOLDER

The templates are mostly the model makers' own, so neither they nor texts made with them are kept here: the golden file has for
each template its SHA-256, and for each conversation the first 16 digits of the text's SHA-256, or the error.
"""

import gzip
import hashlib
import json
import pathlib
import re
import sys

from transformers.utils.chat_template_utils import render_jinja_template

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chat_template_conversations import ANSWER, CALL, CONVERSATIONS, NEXT, REASONED, RESULT, THOUGHT, TOOLS, USER, outcome  # noqa: E402

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/tokenizer"
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
MORE = {
    "a thought and then more": ([USER, REASONED, NEXT, ANSWER], {}),
    "a thought without more": ([USER, REASONED], {}),
    "a thought within the text": ([USER, THOUGHT], {}),
    "thinking on": ([USER, REASONED], {"enable_thinking": True}),
    "a call and its answer": ([USER, CALL, RESULT, ANSWER], {"tools": TOOLS}),
}


def digest(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def main():
    folder = pathlib.Path(sys.argv[1])
    conversations = {**CONVERSATIONS, **MORE}
    templates = {}
    for file in sorted(folder.glob("*.jinja")):
        source = file.read_bytes().decode("utf-8")  # with the line breaks it has
        # A date would make another text each day.
        fixed = re.sub(r"strftime_now\([^)]*\)", "'24 Nov 2026'", source)
        cases = {}
        for name, (messages, variables) in conversations.items():
            for prompt in (False, True):
                given = {**TOKENS, "documents": None, "tools": None, "date_string": "24 Nov 2026", **variables}
                found = outcome(lambda: render_jinja_template(
                    [messages], chat_template=fixed, add_generation_prompt=prompt, **given)[0][0])
                cases[name + (", prompt" if prompt else "")] = (
                    digest(found["text"])[:16] if "text" in found else found)
        templates[file.name] = {"sha256": digest(source), "cases": cases}
    golden = {"tokens": TOKENS, "conversations": {name: {"messages": m, "variables": v} for name, (m, v) in conversations.items()},
              "templates": templates}
    with gzip.GzipFile(OUT / "chat_template_digests.json.gz", "wb", 9, mtime=0) as out:
        out.write(json.dumps(golden, ensure_ascii=False).encode("utf-8"))
    print(len(templates), "templates", sum(len(t["cases"]) for t in templates.values()), "cases",
          sum(isinstance(c, dict) for t in templates.values() for c in t["cases"].values()), "refused")


if __name__ == "__main__":
    main()
