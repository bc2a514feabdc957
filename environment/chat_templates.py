"""Fetches the chat templates that llama-cpp-python's source package carries, for the tests alone.

    python environment/chat_templates.py FOLDER

The templates are the model makers' own, so they are not kept in this repository. The package is taken from the index that pip
uses (PIP_INDEX_URL), its SHA-256 is checked, and nothing of it is run: only the templates are unpacked.
"""

import hashlib
import html
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.parse
import urllib.request

FILE = "llama_cpp_python-0.3.36.tar.gz"
SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
INSIDE = re.compile(r"[^/]+/vendor/llama\.cpp/models/templates/([\w.-]+\.jinja)")


def index():
    answer = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
    return (os.environ.get("PIP_INDEX_URL") or answer.stdout.strip() or "https://pypi.org/simple").rstrip("/")


def address():
    page = index() + "/llama-cpp-python/"
    with urllib.request.urlopen(page, timeout=60) as answer:
        links = re.findall(r'href="([^"]+)"', answer.read().decode("utf-8"))
    for link in map(html.unescape, links):
        if urllib.parse.urlsplit(link).path.endswith("/" + FILE):
            return urllib.parse.urljoin(page, link)
    raise SystemExit("The package index has no " + FILE + ".")


def main():
    out = pathlib.Path(sys.argv[1])
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as file:
        with urllib.request.urlopen(address(), timeout=60) as answer:
            while block := answer.read(1 << 20):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != SHA256:
            raise SystemExit(f"{FILE}: expected SHA-256 {SHA256}, found {digest.hexdigest()}.")
        file.seek(0)
        with tarfile.open(fileobj=file, mode="r:gz") as package:
            for member in package:
                name = INSIDE.fullmatch(member.name)
                if name and member.isfile():
                    (part / name.group(1)).write_bytes(package.extractfile(member).read())
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    print(len(list(out.iterdir())), "templates")


if __name__ == "__main__":
    main()
