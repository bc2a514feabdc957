"""Makes the font that charts fall back to: python chart_font.py NotoSansCJK-Regular.ttc

The input is Debian's package fonts-noto-cjk (SIL Open Font License 1.1). The result has ASCII, punctuation and the 3,755
characters of GB 2312's first level, besides those that the Chinese chapters use. It needs fontTools (pip install fonttools).
"""

import json
import pathlib
import sys

from fontTools import subset
from fontTools.ttLib import TTCollection

ROOT = pathlib.Path(__file__).resolve().parent.parent
RESOURCES = ROOT / "src/main/resources/io/tunebook"
NAME = "Tunebook Chart Sans"  # "Noto" is a trademark; a changed font has a name of its own


def characters():
    wanted = {chr(c) for c in range(0x20, 0x7F)} | set("°±²³×÷–—‘’“”…·→←↑↓≈≤≥−√∑πµ✓、。〈〉《》「」『』【】！（），：；？～％￥")
    for lead in range(0xB0, 0xD8):  # the first level of GB 2312, row by row
        for trail in range(0xA1, 0xFF):
            try:
                wanted.add(bytes([lead, trail]).decode("gb2312"))
            except UnicodeDecodeError:
                pass  # five places at the end are empty
    for notebook in (ROOT / "notebooks/zh").glob("*.ipynb"):
        for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
            wanted |= set("".join(cell["source"]))
    wanted |= set((RESOURCES / "picture/picture_zh.properties").read_text(encoding="utf-8"))
    return {c for c in wanted if c.isprintable() and ord(c) < 0x10000}


def main(collection):
    font = next(f for f in TTCollection(collection).fonts if f["name"].getDebugName(1) == "Noto Sans CJK SC")
    options = subset.Options(layout_features=[], hinting=False, desubroutinize=False, notdef_outline=True)
    options.name_IDs = [0, 1, 2, 3, 4, 5, 6, 13, 14]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[ord(c) for c in characters()])
    subsetter.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 16):
            record.string = NAME
        elif record.nameID == 6:
            record.string = NAME.replace(" ", "")
    top = font["CFF "].cff
    top.fontNames = [NAME.replace(" ", "")]
    top[0].FamilyName = top[0].FullName = NAME
    to = RESOURCES / "chart/chart-sans-zh.otf"
    font.save(to)
    print(f"{to.relative_to(ROOT)}: {len(font.getBestCmap()):,} characters, {to.stat().st_size:,} bytes")


main(sys.argv[1])
