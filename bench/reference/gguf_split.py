"""Makes a split GGUF of the golden Llama with the gguf package's own writer: src/test/resources/io/tunebook/tensors/split.

    pip install gguf==0.19.0
    python bench/reference/gguf_split.py
"""

import pathlib

import gguf

RESOURCES = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook"


def main():
    source = gguf.GGUFReader(RESOURCES / "export/llama/base.gguf")
    architecture = source.fields["general.architecture"].contents()
    out = RESOURCES / "tensors/split"
    out.mkdir(exist_ok=True)
    writer = gguf.GGUFWriter(out / "base.gguf", architecture, split_max_tensors=8)
    for field in source.fields.values():
        if field.name.startswith("GGUF.") or field.name == "general.architecture":
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    for tensor in source.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    print(*sorted(f.name for f in out.iterdir()))


if __name__ == "__main__":
    main()
