"""Makes the golden file of the template language's property test: generated templates and what Jinja renders of them.

    python bench/reference/jinja_golden.py [SEED [COUNT]]

The environment is the one that Transformers renders chat templates in (utils/chat_template_utils.py), written down here
so that only Jinja is needed: a sandbox without changes of values, trim_blocks, lstrip_blocks, loop controls, generation
blocks, a tojson that escapes no HTML, raise_exception and strftime_now. A template that fails has an error instead of a
text. What prints an address or a Python type's own name is left out.
"""

import gzip
import json
import pathlib
import random
import re
import sys
from datetime import datetime

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

OUT = pathlib.Path(__file__).resolve().parents[2] / "src/test/resources/io/tunebook/jinja/templates.json.gz"

VARIABLES = {
    "s": "  Hello World, it's a test-case\n<b>bold</b> & more\n\nLast line  ", "word": "wörld", "empty": "", "emoji": "a🙂é中",
    "digits": "42", "n": 7, "zero": 0, "neg": -3, "big": 12345678901234567890, "x": 2.5, "tiny": 1e-7, "huge": 1.5e300,
    "yes": True, "no": False, "nothing": None, "nums": [3, 1, 2, 3, -1], "floats": [0.5, 2.25, 1e16, -0.0],
    "words": ["Pear", "apple", "fig", "Apple", "банан"], "mixed": [1, "a", None, True, 2.5, [1, 2], {"k": "v"}], "nil": [],
    "nested": [[1, 2], [3, 4], [5]], "pairs": [["a", 1], ["b", 2]],
    "map": {"b": 1, "a": [1, "two", None], "C": "see", "items": "shadow"}, "numbers": {"x": 3, "y": 1, "z": 2}, "none_map": {},
    "people": [{"name": "Ann", "age": 41, "job": {"title": "chef", "tags": ["a", "b"]}},
               {"name": "bob", "age": 7, "job": {"title": "pupil", "tags": []}},
               {"name": "Cy", "age": 41, "job": {"title": "Chef", "tags": ["z"]}},
               {"name": "dee", "age": 19}],
    "messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi\n"},
                 {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes.", "tool_calls": None},
                 {"role": "tool", "content": "{\"a\": 1}", "name": "f"}],
}


class Generation(jinja2.ext.Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_write"), [], [], body).set_lineno(line)

    def _write(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda format: datetime.now().strftime(format)
    return env


TEXTS = ["s", "word", "empty", "emoji", "digits"]
LISTS = ["nums", "floats", "words", "mixed", "nil", "nested", "pairs", "people", "messages"]
MAPS = ["map", "numbers", "none_map", "people[0]", "messages[2]"]
NUMBERS = ["n", "zero", "neg", "big", "x", "tiny", "huge", "yes", "no"]
OTHERS = ["nothing", "missing"]
LITERALS = ["0", "1", "-2", "3", "2.5", "1e3", "1_000", "0x1f", "0b101", "0o17", "'a'", "' b '", "''", "'Ab\\n'", "\"it's\"", "'%s'", "'{}'",
            "'\\u00e9\\x41\\101'", "[]", "[1, 2]", "['b', 'a', 'B']", "(1,)", "()", "{}", "{'k': 1}", "{1: 'x', 'y': 2.0}", "true", "none",
            "123456789012345678901234567890", "0.1", "1e22", "1e16", "-0.0", "range(3)", "range(5, 0, -2)", "'a' 'b'"]
TEXT_FILTERS = ["upper", "lower", "capitalize", "title", "trim", "trim('dL ')", "replace('l', 'LL')", "replace('', '-')", "replace('l', 'x', 2)",
                "replace('', '-', 3)", "string", "safe", "escape", "e", "forceescape", "striptags", "center(20)", "center", "indent", "indent(2, true)",
                "indent('> ', blank=true)", "indent(width=3, first=true)", "truncate(9)", "truncate(12, true)", "truncate(12, true, '…', 0)",
                "truncate(9, end='')", "wordcount", "wordwrap(10)", "wordwrap(5, false)", "wordwrap(12, wrapstring='|')", "format", "urlencode",
                "length", "count", "list", "first", "last", "reverse", "join('.')", "int", "int(5)", "int(0, 16)", "int(base=0)", "float", "float(1.5)",
                "tojson", "tojson(indent=2)", "tojson(ensure_ascii=true)", "default('d')", "d('d', true)", "sort", "unique|list", "batch(4)|list",
                "batch(3, '.')|list", "slice(3)|list", "slice(4, '-')|list", "min", "max", "select|list", "abs", "round", "sum", "items|list"]
LIST_FILTERS = ["length", "count", "list", "first", "last", "reverse|list", "join", "join(', ')", "join('/', attribute='name')", "join(d='+')", "sum",
                "sum(start=10)", "sum(attribute='age')", "sum('age', 5)", "sum(start=[])", "min", "max", "min(attribute='age')", "max(true)", "sort", "sort(true)",
                "sort(reverse=true, case_sensitive=true)", "sort(attribute='name')", "sort(attribute='age,name')", "sort(attribute='job.title')",
                "sort(attribute=0)", "unique|list", "unique(true)|list", "unique(attribute='age')|list", "groupby('age')", "groupby('age')|map('first')|list",
                "groupby('job.title', default='none')", "groupby('name', case_sensitive=true)|list", "groupby('age')|map(attribute='list')|map('length')|list",
                "batch(2)|list", "batch(3, none)|list", "batch(3, 'x')|list", "slice(2)|list", "slice(3, 'x')|list", "map('upper')|list",
                "map(attribute='name')|list", "map(attribute='job.title', default='?')|list", "map(attribute='job.tags.0')|list", "map('string')|join",
                "map('default', 'z')|list", "map('length')|list", "map('int', 9)|list", "map(attribute=0)|list", "map('replace', 'a', 'b')|list",
                "map('tojson')|join('; ')", "map('first')|list", "map('nofilter')|list", "map|list", "select|list", "reject|list", "select('odd')|list",
                "select('string')|list", "select('==', 3)|list", "reject('eq', 3)|list", "select('>', 1)|list", "select('in', [1, 2])|list",
                "select('none')|list", "select('notest')|list", "selectattr('age')|list", "selectattr('age', 'gt', 10)|map(attribute='name')|list",
                "rejectattr('name', 'equalto', 'Ann')|list|length", "selectattr('job.title', 'defined')|list|length", "selectattr('role', '==', 'user')|list",
                "selectattr('tool_calls', 'undefined')|list|length", "rejectattr('job')|list", "tojson", "tojson(indent=1)", "tojson(separators=(',', ':'))",
                "tojson(sort_keys=true)", "string", "default('d')", "d(boolean=true)", "first|default('f')", "map('map', 'string')|map('join')|list",
                "reverse|first", "select|first", "select|length", "map('upper')|first", "dictsort", "items|list", "upper", "float"]
MAP_FILTERS = ["length", "list", "items|list", "items|length", "dictsort", "dictsort(by='value')", "dictsort(true)", "dictsort(reverse=true)",
               "dictsort(false, 'nope')", "tojson", "tojson(indent=2)", "tojson(indent='>')", "tojson(sort_keys=true)", "tojson(separators=('|', '='))", "join(',')",
               "first", "last", "sort", "string", "urlencode", "xmlattr", "xmlattr(false)", "map('upper')|list", "items|map('first')|list",
               "items|map('join', ':')|list", "attr('a')", "attr('items') is callable", "default('d')", "reverse|list", "max", "unique|list", "sum",
               "tojson(0, none, (',', ':'))", "select|list", "selectattr('x')|list", "length|string"]
NUMBER_FILTERS = ["abs", "int", "float", "round", "round(1)", "round(2, 'floor')", "round(1, 'ceil')", "round(-1)", "round(method='floor')", "string", "tojson",
                  "filesizeformat", "filesizeformat(true)", "default('d')", "d('e', true)", "string|length", "upper", "list", "length", "int|string", "sum", "first",
                  "e", "urlencode", "join", "trim", "center(9)", "round(precision=3)", "round(0, 'nope')", "format", "abs|round(3)"]
OTHER_FILTERS = ["default('d')", "d(5)", "d('x', true)", "length", "list", "join", "first", "last", "upper", "trim", "string", "int", "float", "abs", "round",
                 "sum", "sort", "unique|list", "map('upper')|list", "select|list", "selectattr('a')|list", "reject|list", "groupby('a')", "batch(2)|list", "reverse|list",
                 "tojson", "items|list", "dictsort", "replace('a', 'b')", "min", "max", "slice(2)|list", "indent", "title", "capitalize", "wordcount", "e", "attr('x')",
                 "format(1)", "center(4)", "map(attribute='a')|list", "rejectattr('b')|first", "select", "safe", "truncate(3)", "urlencode", "striptags"]
METHODS = ["strip()", "lstrip()", "rstrip()", "strip(' H')", "strip(none)", "split()", "split('l')", "split('l', 1)", "split(none, 1)", "split(sep=',')",
           "split(maxsplit=2)", "split('')", "rsplit()", "rsplit(' ', 1)", "rsplit(none, 2)", "rsplit('')", "splitlines()", "splitlines(true)", "partition(' ')",
           "rpartition('l')", "partition('')", "startswith('  H')", "startswith(('a', 'w'))", "startswith('e', 3)", "endswith('  ')", "endswith('d', 0, 5)",
           "startswith(['a'])", "removeprefix('  ')", "removesuffix('  ')", "replace('l', 'L')", "replace('l', 'L', 1)", "replace('', '_')", "replace('', '_', 4)",
           "replace('l')", "replace(1, 2)", "join(words)", "join('abc')", "join(nums)", "join(map)", "count('l')", "count('')", "count('l', 5)", "count('l', 2, -4)",
           "find('l')", "find('l', 6)", "find('zz')", "find('')", "rfind('l')", "index('l')", "index('zz')", "rindex('l')", "rindex('l', 0, 6)", "ljust(8, '.')",
           "rjust(8)", "center(8, '*')", "center(9, '*')", "rjust(9, 'ab')", "zfill(8)", "expandtabs()", "upper()", "lower()", "title()", "capitalize()",
           "swapcase()", "casefold()", "isdigit()", "isalpha()", "isalnum()", "isspace()", "isupper()", "islower()", "istitle()", "isnumeric()", "isdecimal()",
           "isascii()", "isprintable()", "isidentifier()", "format(1)", "format()", "items()", "keys()", "nope()", "upper(1)", "__class__",
           "_private", "format_map({'a': 1})"]
FORMATS = ["'{} and {}'.format(n, word)", "'{0}{1}{0}'.format('a', 2)", "'{a}-{b!r}'.format(a=1, b='x')", "'{:>8}|{:<8}|{:^8}'.format('a', 'b', 'c')",
           "'{:08.3f} {:+d} {:,} {:x} {:#x} {:b} {:o} {:e} {:g} {:%}'.format(x, n, big, 255, 255, 5, 8, huge, tiny, x)", "'{:*^9}'.format(word)",
           "'{:.3}'.format('abcdef')", "'{:5d}'.format(3.5)", "'{}'.format()", "'{m[b]} {m.a}'.format(m=map)", "'{0[0]}'.format(nums)", "'{{}} {}'.format(1)",
           "'{:{w}}'.format('a', w=5)", "'{'.format(1)", "'}'.format(1)", "'{:n}'.format(n)", "'{:c}'.format(65)", "'{:_}'.format(big)", "'{:s}'.format(n)",
           "'{!s:>5}'.format(none)", "'{:>5}'.format(none)", "'{:d}'.format(true)", "'{:.2f}'.format(n)", "'{:10.4}'.format(3.14159265)", "'{:g}'.format(1000000.0)",
           "'{:g}'.format(0.00001)", "'{:.0f} {:.0f}'.format(0.5, 1.5)", "'{:G}'.format(1e-10)", "'{:E}'.format(12345.678)", "'{:=+8d}'.format(-5)",
           "'%s' % word", "'%d' % n", "'%d %s' % (n, word)", "'%5d|%-5d|%05d|%+d' % (n, n, n, n)", "'%.2f %5.1f %e %g %G' % (x, x, x, tiny, huge)",
           "'%x %X %o %#x' % (255, 255, 8, 255)", "'%r %a' % ('é', 'é')", "'%c%c' % ('a', 66)", "'%(a)s %(b)05d' % {'a': 1, 'b': 2}", "'%s %s' % word", "'%d' % 'a'",
           "'%%'  % ()", "'%%' % 1", "'%z' % 1", "'%' % 1", "'%s' % nums", "'%s' % (nums,)", "'%*d' % (5, n)", "'%.*f' % (1, x)", "'%s' % none", "'%d' % x", "'%i' % true",
           "'plain' % {}", "'plain' % nums", "'plain' % word", "'%s' % missing", "'%.3s' % 'abcdef'", "'%-8s|' % word", "'% d' % n", "'%d' % big", "'%x' % x",
           "'%s %s'|format('a', 1)", "'%(a)s'|format(a=5)", "'%s'|format", "'%s %(a)s'|format(1, a=2)", "'%s' % {'a': 1}", "'%5.1f%%' % 12.345"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "true", "false", "mapping", "sequence", "iterable", "callable",
         "odd", "even", "divisibleby 2", "divisibleby(3)", "lower", "upper", "eq 7", "ne(7)", "equalto 'a'", "gt 1", "ge 2.5", "lt(3)", "le 0", "greaterthan 1",
         "lessthan 2", "in nums", "in 'wörld'", "in map", "in [1, 'a', none]", "sameas none", "sameas true", "escaped", "not none", "not defined", "not in [7]",
         "notest", "filter", "test", "divisibleby 0", "eq", "string(1)"]
BINARY = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]
ITEMS = ["[0]", "[-1]", "[1]", "[9]", "[1:]", "[:-1]", "[::-1]", "[1:3]", "[-2:]", "[::2]", "[5:1:-2]", "[::0]", "['a']", "['name']", ".name", ".age", ".job.title",
         ".items", ".0", ".length", "[none]", "[true]", "[1.0]", "[1:none]", "[:99]", "[-99:2]", ".get('b')", ".get('zz', 5)", ".get('zz')", ".keys()|list",
         ".values()|list", ".items()|list", ".items()", ".keys()", ".values()", ".index(2)", ".count(3)", ".index(99)", ".append(1)", ".append", ".update({})", ".pop()",
         ".copy()", "[(1, 2)]", "[[1]]", "[{}]", ".missing", "['missing']", ".missing.more", "['__class__']", ".index('a', 1)", ".sort()", ".get()", ".items()|first",
         "[big]", ".bit_length()", ".is_integer()"]


def leaf(r):
    return r.choice(r.choice([TEXTS, LISTS, MAPS, NUMBERS, NUMBERS, OTHERS, LITERALS, LITERALS]))


def expression(r, depth=2):
    if depth == 0:
        return leaf(r)
    kind = r.randrange(16)
    if kind == 0:
        return f"{r.choice(TEXTS + LITERALS)}|{r.choice(TEXT_FILTERS)}"
    if kind == 1:
        return f"{r.choice(LISTS)}|{r.choice(LIST_FILTERS)}"
    if kind == 2:
        return f"{r.choice(MAPS)}|{r.choice(MAP_FILTERS)}"
    if kind == 3:
        return f"{r.choice(NUMBERS)}|{r.choice(NUMBER_FILTERS)}"
    if kind == 4:
        return f"{r.choice(TEXTS)}.{r.choice(METHODS)}"
    if kind == 5:
        return r.choice(FORMATS)
    if kind == 6:
        return f"{expression(r, depth - 1)} is {r.choice(['', '', 'not '])}{r.choice(TESTS)}"
    if kind in (7, 8):
        power = r.randrange(12) == 0
        return f"({expression(r, depth - 1)}) {'**' if power else r.choice(BINARY)} ({r.choice(['2', '-1', '0', '0.5', '3']) if power else expression(r, depth - 1)})"
    if kind == 9:
        return f"{expression(r, depth - 1)} if {expression(r, depth - 1)}{r.choice(['', ' else ' + expression(r, depth - 1)])}"
    if kind == 10:
        item = r.choice(ITEMS)
        literal = ":" in item  # a slice of a literal is computed when Jinja compiles, and then fails otherwise
        return f"{r.choice(TEXTS + LISTS + MAPS + OTHERS) if literal else leaf(r)}{item}"
    if kind == 11:
        return f"{r.choice(['-', '+', 'not '])}{leaf(r)}"
    if kind == 12:
        return f"({expression(r, depth - 1)})|{r.choice(r.choice([TEXT_FILTERS, LIST_FILTERS, MAP_FILTERS, NUMBER_FILTERS, OTHER_FILTERS]))}"
    if kind == 13:
        return f"{r.choice(OTHERS)}|{r.choice(OTHER_FILTERS)}"
    if kind == 14:
        return f"[{expression(r, depth - 1)}, {leaf(r)}]" if r.random() < 0.5 else f"{{{r.choice(LITERALS[:23])}: {leaf(r)}}}"
    return f"{leaf(r)} {r.choice(['<', '<=', '==', '~', '+', '*', 'in', '!='])} {leaf(r)} {r.choice(['<', '==', '~', '+', '-', 'and', 'or'])} {leaf(r)}"


LOOP = ["index", "index0", "first", "last", "length", "revindex", "revindex0", "previtem", "nextitem", "depth", "depth0", "cycle('a', 'b', 'c')",
        "changed(i)", "changed(loop.first)", "previtem is defined", "nextitem|default('-')", "missing", "cycle()"]
SPACE = ["", "", "", " ", "\n", "  \n", "\n  ", "\t", "x", " y ", "\n\n"]


def tag(r, text, output=False):
    left = r.choice(["", "", "", "-", "+"] if not output else ["", "", "", "-"])
    right = r.choice(["", "", "", "-", "+"] if not output else ["", "", "", "-"])
    return ("{{" if output else "{%") + left + " " + text + " " + right + ("}}" if output else "%}")


def out(r, text):
    return tag(r, text, True)


def gap(r):
    return r.choice(SPACE)


def statement(r, depth=2):
    inner = lambda: template(r, depth - 1) if depth > 0 else gap(r) + out(r, leaf(r)) + gap(r)
    kind = r.randrange(20)
    if kind in (0, 1, 2):
        over = r.choice([*LISTS, *MAPS, "map.items()", "range(4)", "s[:4]", "people|map(attribute='name')", "nums|select('odd')", "missing", "numbers.items()"])
        pair = over.endswith("items()") or over == "pairs"
        target = r.choice(["k, v", "(k, v)"]) if pair and r.random() < 0.8 else "i"
        test = r.choice(["", "", "", " if i", " if i is string", " if loop is defined"])
        body = inner()
        attributes = "".join(out(r, "loop." + r.choice(LOOP)) + gap(r) for _ in range(r.randrange(3)))
        control = r.choice(["", "", tag(r, "if loop.index == 2") + tag(r, r.choice(["break", "continue"])) + tag(r, "endif")])
        variable = "i" if target == "i" else r.choice(["k", "v"])
        otherwise = r.choice(["", "", tag(r, "else") + "none"])
        return (tag(r, f"for {target} in {over}{test}") + gap(r) + control + out(r, variable) + attributes + body + otherwise + tag(r, "endfor"))
    if kind in (3, 4):
        return (tag(r, f"if {expression(r, 1)}") + inner() + r.choice(["", tag(r, f"elif {leaf(r)}") + gap(r) + "b"])
                + r.choice(["", tag(r, "else") + inner()]) + tag(r, "endif"))
    if kind == 5:
        return tag(r, f"set q = {expression(r, 1)}") + gap(r) + out(r, "q")
    if kind == 6:
        return tag(r, "set q" + r.choice(["", " | upper", " | trim | length"])) + inner() + tag(r, "endset") + "[" + out(r, "q") + "]"
    if kind == 7:
        return (tag(r, "set ns = namespace(" + r.choice(["total=0", "{'total': 1}", "total='', b=2"]) + ")") + tag(r, f"for i in {r.choice(LISTS)}")
                + tag(r, "set ns.total = " + r.choice(["ns.total + 1", "i", "ns.total ~ i", "loop.index"])) + tag(r, "endfor") + out(r, "ns.total"))
    if kind == 8:
        signature = r.choice(["a", "a, b='B'", "a, b=a", "", "a=1, b=2", "a, b=word|upper"])
        call = r.choice(["m(1)", "m(1, 2)", "m()", "m(b=3, a=4)", "m(*nums[:2])", "m(**{'a': 5})", "m(1, c=2)", "m(1, 2, 3)", "m(*[1], **{'b': 2})", "m('x')|upper"])
        body = r.choice(["({{ a }}{{ b }})", "{{ varargs }}{{ a }}", "{{ kwargs }}", "{{ caller() if caller else 'no' }}", "{{ word }}{{ a|default('u') }}", "{{ q }}"])
        return tag(r, f"macro m({signature})") + gap(r) + body + tag(r, "endmacro") + out(r, call) + r.choice(["", out(r, "m.name ~ m.arguments ~ m.catch_kwargs")])
    if kind == 9:
        return (tag(r, "macro c(x=1)") + "<" + r.choice(["{{ caller() }}", "{{ caller(x) }}", "{{ caller(x, 2) }}", "{{ x }}"]) + ">" + tag(r, "endmacro")
                + tag(r, r.choice(["call c()", "call c(5)", "call(y) c(7)", "call(y, z=9) c()", "call c(1, 2)"])) + gap(r) + "{{ y }}{{ z }}" + inner() + tag(r, "endcall"))
    if kind == 10:
        return tag(r, f"with q = {leaf(r)}, w = {leaf(r)}") + out(r, "q") + inner() + tag(r, "endwith") + out(r, "q|default('gone')")
    if kind == 11:
        return tag(r, "filter " + r.choice(["upper", "trim", "replace('a', 'b')", "indent(2)", "title|trim", "length"])) + inner() + tag(r, "endfilter")
    if kind == 12:
        return tag(r, "generation") + inner() + tag(r, "endgeneration")
    if kind == 13:
        return r.choice(["{%- raw %}", "{% raw %}", "{% raw -%}"]) + gap(r) + r.choice(["{{ x }}", "{% if %}", "{# c #}", ""]) + gap(r) + r.choice(["{% endraw %}", "{%- endraw -%}", "{% endraw -%}", "{%+ endraw %}"])
    if kind == 14:
        return r.choice(["{#", "{#-", "{#+"]) + r.choice([" note {{ x }} ", "", "\n"]) + r.choice(["#}", "-#}", "+#}"])
    if kind == 15:
        return (tag(r, "set p = people") + tag(r, "for i in nested recursive") + "(" + out(r, "loop.depth") + "{% if i is sequence and i is not string %}{{ loop(i) }}{% else %}{{ i }}{% endif %})"
                + tag(r, "endfor"))
    if kind == 16:
        return (tag(r, r.choice(["set j = joiner()", "set j = joiner('/')", "set j = cycler('x', 'y')"])) + tag(r, "for i in nums") + out(r, r.choice(["j()", "j.next()", "j.current"]))
                + out(r, "i") + tag(r, "endfor"))
    if kind == 17:
        return tag(r, r.choice(["set a, b = nested[0]", "set a, b = 1, 2", "set a, b = nums", "set (a, b) = 'xy'", "set a, b = word"])) + out(r, "a ~ b")
    if kind == 18:
        return tag(r, r.choice(["if false", "if missing", "if nothing"])) + r.choice(["{{ x | nofilter }}", "{{ x is notest }}", "{{ x | a.b }}"]) + tag(r, "endif") + "ok"
    return tag(r, "block b") + inner() + tag(r, "endblock")


def template(r, depth=2):
    parts = []
    for _ in range(r.randrange(1, 4)):
        parts.append(gap(r) if r.random() < 0.5 else "")
        parts.append(out(r, expression(r, 2)) if r.random() < 0.5 else statement(r, depth))
    return "".join(parts) + gap(r)


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 20260101
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    r = random.Random(seed)
    env = environment()
    cases = []
    every = [f"{{{{ {v}|{f} }}}}" for vs, fs in ((TEXTS, TEXT_FILTERS), (LISTS, LIST_FILTERS), (MAPS, MAP_FILTERS), (NUMBERS, NUMBER_FILTERS), (OTHERS, OTHER_FILTERS))
             for v in vs[:6] for f in fs]
    every += [f"{{{{ {v}.{m} }}}}" for v in TEXTS for m in METHODS] + [f"{{{{ {f} }}}}" for f in FORMATS]
    every += [f"{{{{ {v} is {t} }}}}" for v in ("word", "n", "x", "nums", "map", "nothing", "missing", "yes", "nums|select") for t in TESTS]
    every += [f"{{{{ {v}{i} }}}}" for v in ("word", "nums", "map", "people[0]", "nothing", "n", "x", "(1, 2, 3)", "range(4)") for i in ITEMS]
    while len(every) < count:
        every.append(template(r) if r.random() < 0.6 else out(r, expression(r, 3)))
    for source in every:
        try:
            case = {"template": source, "text": env.from_string(source).render(**json.loads(json.dumps(VARIABLES)))}
            if len(case["text"]) > 4000 or re.search(r" at 0x|<class|<built-in|<function|<bound|<Macro|object>|<Loop|<Undefined|<jinja2|j[)]", case["text"], re.I):
                continue
        except Exception as e:  # whatever Jinja or Python raises is a failure of the template
            case = {"template": source, "error": f"{type(e).__name__}: {e}"[:80]}
        cases.append(case)
    if len(sys.argv) > 3:
        print(json.dumps({"variables": VARIABLES, "cases": cases}))
        return
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with gzip.GzipFile(OUT, "wb", 9, mtime=0) as file:
        file.write(json.dumps({"variables": VARIABLES, "cases": cases}, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    print(len(cases), "templates,", sum("error" in c for c in cases), "fail;", OUT.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
