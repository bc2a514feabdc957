"""How the scripts beside this file fetch a package: its SHA-256 is checked before it is opened, and a folder is there whole or not at all."""

import contextlib
import hashlib
import pathlib
import shutil
import tempfile
import urllib.request


@contextlib.contextmanager
def fetched(address, sha256):
    """The file at an address, held to its checksum; it is gone afterwards."""
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as file:
        with urllib.request.urlopen(address, timeout=60) as answer:
            while block := answer.read(1 << 20):
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            raise SystemExit(f"{address}: expected SHA-256 {sha256}, found {digest.hexdigest()}.")
        file.seek(0)
        yield file


@contextlib.contextmanager
def folder(place):
    """A folder to fill, which takes its place, and that of an older one, when all is in it."""
    out = pathlib.Path(place)
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    yield part
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
