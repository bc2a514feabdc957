"""How Sphinx makes the site of the chapters; build.py copies this file beside them."""

import operator
import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.search import SearchEnglish

project = "Tunebook"
copyright = "the Tunebook authors, Apache 2.0"
extensions = ["myst_nb"]
html_theme = "sphinx_book_theme"
html_title = "Tunebook"
html_show_sourcelink = False
html_static_path = ["_static"]
html_css_files = ["print.css"]
html_theme_options = {"use_download_button": True, "show_navbar_depth": 1, "home_page_in_toc": True}
nb_execution_mode = "off"  # the outputs are those of the last run
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
# links between chapters name headings as JupyterLab does; Sphinx keeps its settings in a file, which a function of this one does not get through
myst_heading_slug_func = operator.methodcaller("replace", " ", "-")
html_math_renderer = "mathml"
html_search_language = "both"
suppress_warnings = ["mystnb.unknown_mime_type", "misc.highlighting_failure", "myst.header", "myst.xref_missing", "config.cache"]


class BothLanguages(SearchEnglish):
    """English words by their stems, and Chinese by its characters and their pairs: Chinese puts no blanks between words."""

    lang = "both"
    parts = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+")
    js_splitter_code = r"""
function splitQuery(query) {
  const parts = query.match(/[\u3400-\u9fff]+|(?:(?![\u3400-\u9fff])[\p{Letter}\p{Number}_])+/gu) || [];
  return parts.flatMap((part) =>
    /^[\u3400-\u9fff]{2}/.test(part) ? [...part.slice(1)].map((c, i) => part[i] + c) : [part]);
}
"""

    def split(self, input):
        words = []
        for part in self.parts.findall(input):
            if "\u3400" <= part[0] <= "\u9fff":
                words += [*part, *(a + b for a, b in zip(part, part[1:], strict=False))]
            else:
                words.append(part)
        return words


def formula(self, node):
    """Writes a formula as MathML, which browsers draw themselves; the usual MathJax would come from another server."""
    display = "block" if isinstance(node, nodes.math_block) else "inline"
    self.body.append(convert(node.astext(), display=display))
    raise nodes.SkipNode


def setup(app):
    app.add_search_language(BothLanguages)
    app.add_html_math_renderer("mathml", (formula, None), (formula, None))
