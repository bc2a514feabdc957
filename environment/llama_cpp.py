"""Fetches llama.cpp's libraries, which node-llama-cpp (MIT) publishes on npm for each system.

    python environment/llama_cpp.py FOLDER

The package is taken from npm's registry (npm_config_registry, or what npm is set to), its SHA-256 is checked, and
nothing of it is run: only llama.cpp's and ggml's libraries and the licence are unpacked. Lab.java fetches them into its
cache: models answer by them in notebooks (TUNEBOOK_GENERATOR), and the embedded server uses them where
TUNEBOOK_LLAMA_CPP names the folder.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile

import fetching

VERSION = "3.21.1"  # llama.cpp 0.4.0, with which Ollama 0.34.1 is built too
PACKAGES = {
    ("Linux", "x86_64"): ("linux-x64", "4b5b65a8b2611d8af94349b02d815c0f424a30a0a19aef2be5db25ecfef6730f"),
    ("Linux", "aarch64"): ("linux-arm64", "2c4271d060429701d27c7b0fd5ba8e83b37d36c427faf97d54d003d5d73b62dd"),
    ("Darwin", "arm64"): ("mac-arm64-metal", "cd11a52fab1935fde5abd221b5ecf8167686b45e386b6a02df49cb9b2814e9d6"),
    ("Darwin", "x86_64"): ("mac-x64", "3bcc6b2d6d3618098a36c9c01ae3afff1599f336a826cd54b1a55a73ed2159a7"),
    ("Windows", "AMD64"): ("win-x64", "9e48b1bf39e41c8b955a20006a3bdfd4861bedbb2661c87f7e29a5207f1ff0e8"),
    ("Windows", "ARM64"): ("win-arm64", "458c8c6de4463b5fde16b1fbc69e63a7e878b227ed9614a0a3648d9b40bf2ccb"),
}
INSIDE = re.compile(r"package/(?:bins/[^/]+/((?:lib)?(?:llama|ggml)[\w.-]*\.(?:so|dylib|dll))|(LICENSE))")
NOT_USED = re.compile(r"(lib)?llama-(addon|common)")


def registry():
    named = os.environ.get("npm_config_registry") or os.environ.get("NPM_CONFIG_REGISTRY")
    npm = shutil.which("npm")
    if not named and npm:
        answer = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True)
        named = answer.stdout.strip() if answer.stdout.startswith("http") else ""
    return (named or "https://registry.npmjs.org").rstrip("/")


def main():
    system = platform.system(), platform.machine()
    if system not in PACKAGES:
        raise SystemExit(f"There is no llama.cpp for {' on '.join(system)}.")
    name, expected = PACKAGES[system]
    address = f"{registry()}/@node-llama-cpp/{name}/-/{name}-{VERSION}.tgz"
    with fetching.folder(sys.argv[1]) as part, fetching.fetched(address, expected) as file:
        with tarfile.open(fileobj=file, mode="r:gz") as package:
            for member in package:
                inside = INSIDE.fullmatch(member.name)
                if inside and member.isfile() and not NOT_USED.match(inside.group(1) or ""):
                    (part / (inside.group(1) or inside.group(2))).write_bytes(package.extractfile(member).read())


if __name__ == "__main__":
    main()
