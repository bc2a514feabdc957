"""What nbval itself says of pairs of outputs: makes the golden file of OutputCheckTest.

    pip install nbval==0.11.0 && python nbval_verdicts.py > ../resources/notebook/nbval-verdicts.json
"""
import copy
import json
from types import SimpleNamespace

import nbformat
from nbval.plugin import IPyNbCell, coalesce_streams, get_sanitize_patterns

RULES = """\
[times]
regex: \\d+(\\.\\d+)? ms
replace: TIME
[greeting]
regex: Hello (?P<who>\\w+)
replace: Bye \\g<who>, $1
[swap]
regex: (\\w+)=(\\w+)
replace: \\2=\\1
"""


def stream(text, name='stdout'):
    return dict(output_type='stream', name=name, text=text)


def data(kind='display_data', **types):
    out = dict(output_type=kind, metadata={}, data={t.replace('_', '/', 1): v for t, v in types.items()})
    return dict(out, execution_count=3) if kind == 'execute_result' else out


def error(name, value, trace=()):
    return dict(output_type='error', ename=name, evalue=value, traceback=list(trace))


CASES = {
    'nothing and nothing': ([], []),
    'the same stream': ([stream('a\nb\n')], [stream('a\nb\n')]),
    'another stream': ([stream('a\n')], [stream('b\n')]),
    'another end of line': ([stream('a\n')], [stream('a')]),
    'a stream in two parts': ([stream('a\n'), stream('b\n')], [stream('a\nb\n')]),
    'the order of the two streams': ([stream('a\n'), stream('b\n', 'stderr')], [stream('b\n', 'stderr'), stream('a\n')]),
    'interleaved streams': ([stream('a\n'), stream('x\n', 'stderr'), stream('b\n')], [stream('a\nb\n'), stream('x\n', 'stderr')]),
    'stdout for stderr': ([stream('a\n')], [stream('a\n', 'stderr')]),
    'a stream more': ([stream('a\n')], [stream('a\n'), stream('w\n', 'stderr')]),
    'a bar written over itself': ([stream('10%\r50%\r100%\n')], [stream('100%\n')]),
    'the same result': ([data('execute_result', text_plain='2')], [data('execute_result', text_plain='2')]),
    'another result': ([data('execute_result', text_plain='2')], [data('execute_result', text_plain='3')]),
    'a display for a result': ([data('execute_result', text_plain='2')], [data(text_plain='2')]),
    'a representation less': ([data(text_plain='2', text_html='<b>2</b>')], [data(text_plain='2')]),
    'another picture': ([data(image_png='AAAA', text_plain='x')], [data(image_png='BBBB', text_plain='x')]),
    'a picture less': ([data(image_png='AAAA', text_plain='x')], [data(text_plain='x')]),
    'another SVG': ([data(text_plain='x', **{'image_svg+xml': '<svg/>'})], [data(text_plain='x', **{'image_svg+xml': '<svg> </svg>'})]),
    'two displays for one': ([data(text_plain='a')], [data(text_plain='a'), data(text_plain='a')]),
    'displays in another order': ([data(text_plain='a'), data(text_plain='b')], [data(text_plain='b'), data(text_plain='a')]),
    'kinds in another order': ([data(text_plain='a'), data(text_html='b')], [data(text_html='b'), data(text_plain='a')]),
    'JSON': ([data(application_json={'a': [1, 2]})], [data(application_json={'a': [1, 2]})]),
    'another JSON': ([data(application_json={'a': [1, 2]})], [data(application_json={'a': [1, 3]})]),
    'the same error with another trace': ([error('E', 'x', ['1'])], [error('E', 'x', ['2'])]),
    'another message': ([error('E', 'x')], [error('E', 'y')]),
    'an error of another kind': ([error('E', 'x')], [error('F', 'x')]),
    'an error less': ([error('E', 'x')], []),
    'a time that a rule hides': ([stream('took 12.5 ms\n')], [stream('took 7 ms\n')]),
    'a named group, and a dollar': ([stream('Hello Ada')], [stream('Bye Ada, $1')]),
    'a numbered group': ([stream('k=v')], [stream('v=k')]),
    'rules do not hide the rest': ([stream('took 12.5 ms, ok\n')], [stream('took 7 ms, no\n')]),
}


def verdict(stored, shown):
    skip = ('metadata', 'traceback', 'prompt_number', 'output_type', 'name', 'execution_count',
            'application/vnd.jupyter.widget-view+json', 'image/png', 'image/jpeg')
    colours = SimpleNamespace(FAIL='', ENDC='', OKBLUE='')
    parent = SimpleNamespace(skip_compare=skip, sanitize_patterns=dict(get_sanitize_patterns(RULES)))
    cell = SimpleNamespace(parent=parent, colors=colours, format_output_compare=lambda *a: None)
    cell.sanitize = lambda s: IPyNbCell.sanitize(cell, s)
    nodes = [coalesce_streams([nbformat.from_dict(copy.deepcopy(o)) for o in side]) for side in (shown, stored)]
    return IPyNbCell.compare_outputs(cell, *nodes)


print(json.dumps(dict(
    rules=RULES,
    cases=[dict(name=n, stored=a, shown=b, equal=verdict(a, b)) for n, (a, b) in CASES.items()],
), indent=1))
