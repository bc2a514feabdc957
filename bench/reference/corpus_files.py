"""The same three documents in every form that Corpus reads, written by Python's own libraries, for CorpusGoldenTest.

    python bench/reference/corpus_files.py     (needs pyarrow, zstandard)
"""

import csv
import gzip
import io
import json
import pathlib

import pyarrow
import pyarrow.parquet
import zstandard

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/data/forms"
DOCUMENTS = [
    {"id": "a-1", "title": "茶", "content": "第一行，\"引号\"\n第二行 🍵 \\ /"},
    {"id": "a-2", "title": "", "content": "tabs\tand, commas; pipes | and a quotation mark \" inside"},
    {"id": "a-3", "title": "Ünïcode", "content": "combining e\u0301, Arabic العربية, a family 👩‍👩‍👧‍👦, U+2028 \u2028 end"},
]


def table(delimiter):
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, ["id", "title", "content"], delimiter=delimiter)
    writer.writeheader()
    writer.writerows(DOCUMENTS)
    return out.getvalue()


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    array = json.dumps(DOCUMENTS, ensure_ascii=False)
    lines = "".join(json.dumps(d) + "\n" for d in DOCUMENTS)
    gb = json.dumps(DOCUMENTS, ensure_ascii=False, indent=1).encode("gb18030")
    files = {
        "array.json": array.encode(),
        "indented.json": json.dumps(DOCUMENTS, ensure_ascii=False, indent=4).encode(),
        "marked.json": array.encode("utf-8-sig"),
        "utf16.json": array.encode("utf-16"),
        "lines.jsonl": lines.encode(),
        "lines.crlf": lines.replace("\n", "\r\n").encode(),
        "members.gz": gzip.compress(lines[:100].encode(), mtime=0) + gzip.compress(lines[100:].encode(), mtime=0),
        "frames.zst": zstandard.compress(lines[:100].encode()) + zstandard.compress(lines[100:].encode()),
        "table.csv": table(",").encode(),
        "marked.csv": table(",").encode("utf-8-sig"),
        "table.tsv": table("\t").encode(),
        "semicolons.txt": table(";").encode(),
        "table.csv.gz": gzip.compress(table(",").encode(), mtime=0),
        "table.zst": zstandard.compress(table(",").encode()),
        "gb18030.data": gb,
    }
    for name, content in files.items():
        (OUT / name).write_bytes(content)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(DOCUMENTS), OUT / "rows.parquet", compression="zstd")


if __name__ == "__main__":
    main()
