"""Checks a folder that `mvn -Prelease deploy` filled against the rules of Maven Central: python check_release.py FOLDER [--signed]

The rules are those of https://central.sonatype.org/publish/requirements/: coordinates that the path repeats, no snapshot,
name, description, url, licences, developers and scm in each POM (its own or its parent's), sources and Javadoc beside each
jar, checksums, and with --signed a signature for each file.
"""

import hashlib
import pathlib
import sys
import xml.etree.ElementTree as ET
import zipfile

POM = "{http://maven.apache.org/POM/4.0.0}"
WANTED = ["name", "description", "url", "licenses/license/name", "licenses/license/url", "developers/developer/name"]
WANTED += ["scm/connection", "scm/developerConnection", "scm/url"]
NOT_SIGNED = (".asc", ".md5", ".sha1", ".sha256", ".sha512")


def text(pom, path):
    element = pom.find("/".join(POM + part for part in path.split("/")))
    return "" if element is None or element.text is None else element.text.strip()


def check_pom(file, parents, faults):
    pom = ET.parse(file).getroot()
    parent = parents.get(text(pom, "parent/artifactId"))
    for path in WANTED:
        inherited = parent is not None and path not in ("name", "description") and text(parent, path)
        if not text(pom, path) and not inherited:
            faults.append(f"{file}: no {path}")
    group = text(pom, "groupId") or text(pom, "parent/groupId")
    version = text(pom, "version") or text(pom, "parent/version")
    if "SNAPSHOT" in file.read_text(encoding="utf-8"):
        faults.append(f"{file}: a snapshot")
    expected = pathlib.PurePath(*group.split("."), text(pom, "artifactId"), version)
    if file.parent.parts[-len(expected.parts) :] != expected.parts:
        faults.append(f"{file}: its coordinates are {expected}")
    stem = file.name[: -len(".pom")]
    if (text(pom, "packaging") or "jar") == "jar":
        for suffix, inside in ((".jar", ".class"), ("-sources.jar", ".java"), ("-javadoc.jar", "index.html")):
            jar = file.with_name(stem + suffix)
            if not jar.exists():
                faults.append(f"{jar}: missing")
            elif not any(name.endswith(inside) for name in zipfile.ZipFile(jar).namelist()):
                faults.append(f"{jar}: holds no {inside}")


def check_file(file, signed, faults):
    for kind in "md5", "sha1":
        sum_file = file.with_name(file.name + "." + kind)
        found = hashlib.new(kind, file.read_bytes()).hexdigest()
        if not sum_file.exists() or sum_file.read_text().split()[0] != found:
            faults.append(f"{sum_file}: missing or wrong")
    if signed and not file.with_name(file.name + ".asc").exists():
        faults.append(f"{file}.asc: missing")


def main(folder, signed):
    faults = []
    poms = sorted(pathlib.Path(folder).rglob("*.pom"))
    parents = {}
    for pom in poms:
        root = ET.parse(pom).getroot()
        parents[text(root, "artifactId")] = root
    for pom in poms:
        check_pom(pom, parents, faults)
        for file in sorted(pom.parent.iterdir()):
            if not file.name.endswith(NOT_SIGNED):
                check_file(file, signed, faults)
    names = sorted(parents)
    if names != ["tunebook", "tunebook-kernel", "tunebook-parent"]:
        faults.append(f"{folder}: expected the three artifacts, found {names}")
    print("\n".join(faults) or f"{len(poms)} artifacts are as Maven Central takes them")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], "--signed" in sys.argv[2:]))
