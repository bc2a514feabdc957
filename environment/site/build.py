"""Makes a website of the chapters: python environment/site/build.py [--pdf[=CHAPTER]] [FOLDER]

The notebooks are taken as they lie, with the outputs of their last run; nothing is executed and nothing is downloaded. The
site goes to target/site (or FOLDER), with a search over all pages. Every link between pages and every picture is checked
afterwards; one that leads nowhere is named, and the exit status is 1. With --pdf each chapter and each exercise, or the one
that is named (such as zh/03-tokens), is printed by Chromium or Chrome to a PDF beside its page, and the search is tried.
"""

import concurrent.futures
import html.parser
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

# What a reader may look for, and pages that have to be among those found.
SEARCHES = {
    "损失": ["zh/04-model.html", "zh/05-lora.html", "zh/06-measure.html"],
    "秩": ["zh/05-lora.html", "zh/exercises/05-lora.html"],
    "梯度检查点": ["zh/08-your-model.html"],
    "gradient checkpointing": ["08-your-model.html"],
    "Ollama 温度": ["zh/02-ollama.html"],
}

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def gather(source):
    """Copies what the site is made of; Sphinx reads one folder."""
    notebooks = ROOT / "notebooks"
    for file in [*notebooks.glob("*.ipynb"), *notebooks.glob("*.md"), *notebooks.glob("*.png")]:
        shutil.copy(file, source / file.name)
    for folder in "exercises", "zh", "zh/exercises":
        (source / folder).mkdir()
        for file in sorted((notebooks / folder).glob("*.ipynb")):
            shutil.copy(file, source / folder / file.name)
    (source / "_static").mkdir()
    for name in "conf.py", "index.md", "_static/print.css":
        shutil.copy(HERE / pathlib.Path(name).name, source / name)


class References(html.parser.HTMLParser):
    """The links, the pictures and the anchors of a page."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.targets, self.anchors = [], set()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if values.get("id"):
            self.anchors.add(values["id"])
        for name in "href", "src":
            if values.get(name) and tag in ("a", "img", "script", "link", "iframe"):
                self.targets.append((tag, values[name]))


def broken(site):
    """Links and pictures that lead nowhere, and scripts, styles and pictures that would be fetched from elsewhere."""
    pages = {}
    for page in sorted(p for p in site.rglob("*.html") if "_static" not in p.parts):
        references = References()
        references.feed(page.read_text(encoding="utf-8"))
        pages[page] = references
    faults = []
    for page, references in pages.items():
        for tag, target in references.targets:
            url = urllib.parse.urlsplit(target)
            if url.scheme == "data" or (url.scheme and tag == "a") or target in ("#", ""):
                continue
            where = f"{page.relative_to(site)}: {tag} {target[:100]}"
            if (url.scheme or url.netloc) and not (tag == "link" and "canonical" in target):
                faults.append(where + " is fetched from elsewhere")
                continue
            path = urllib.parse.unquote(url.path)
            file = (page.parent / path).resolve() if path else page
            if not file.exists():
                faults.append(where + " is not there")
            elif url.fragment and file in pages:
                if urllib.parse.unquote(url.fragment) not in pages[file].anchors:
                    faults.append(where + " names no place of that page")
    return len(pages), faults


def with_browser(*arguments):
    """What Chromium or Chrome says, without a window."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("no Chromium and no Chrome is on the path: --pdf needs one")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:  # two of one profile wait for each other
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={profile}", *arguments]
        return subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout


def not_found(site):
    """Pages that the site's own search does not find, as a reader would look for them."""
    faults = []
    for words, wanted in SEARCHES.items():
        address = (site / "search.html").as_uri() + "?q=" + urllib.parse.quote(words)
        page = with_browser("--virtual-time-budget=10000", "--dump-dom", address)
        found = set(re.findall(r'<a href="([^"#?]+)', page.partition('id="search-results"')[2]))
        faults += [f"the search for {words} does not find {name}" for name in wanted if name not in found]
    return faults


def print_chapters(site, chapter):
    """A PDF of each chapter and exercise, with the margins and the page numbers that the browser gives it."""
    folders = "", "exercises/", "zh/", "zh/exercises/"
    every = [page for folder in folders for page in sorted(site.glob(f"{folder}0*.html"))]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as several:
        for pdf in several.map(printed, [site / f"{chapter}.html"] if chapter else every):
            print(f"{pdf.relative_to(site)}: {pdf.stat().st_size // 1000} kB")


def printed(page):
    pdf = page.with_suffix(".pdf")
    with_browser("--no-pdf-header-footer", f"--print-to-pdf={pdf}", page.as_uri())
    if not pdf.read_bytes().startswith(b"%PDF"):
        sys.exit(f"the browser made no PDF of {page}")
    return pdf


def main(folder, pdf, chapter):
    site = pathlib.Path(folder).resolve()
    source = site.with_name(site.name + "-source")
    for old in site, source:
        shutil.rmtree(old, ignore_errors=True)
    source.mkdir(parents=True)
    gather(source)
    sphinx = [sys.executable, "-m", "sphinx", "-q", "-b", "html", str(source), str(site)]
    if subprocess.call(sphinx) != 0:
        return 1
    pages, faults = broken(site)
    if pdf:
        print_chapters(site, chapter)
        faults += not_found(site)
    print("\n".join(faults) or f"{pages} pages in {site}; every link and picture of theirs is there")
    return 1 if faults else 0


if __name__ == "__main__":
    options = [a for a in sys.argv[1:] if a.split("=")[0] == "--pdf"]
    folders = [a for a in sys.argv[1:] if a not in options]
    chosen = options[0].partition("=")[2] if options else ""
    sys.exit(main(folders[0] if folders else ROOT / "target" / "site", bool(options), chosen))
