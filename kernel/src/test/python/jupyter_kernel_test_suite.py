"""Jupyter's own suite for kernels, with all of its optional tests switched on."""

import unittest

import jupyter_kernel_test


class TunebookKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "tunebook"
    language_name = "java"
    file_extension = ".java"

    code_hello_world = 'System.out.println("hello, world");'
    code_stderr = 'System.err.println("oops");'
    code_generate_error = 'throw new IllegalStateException("on purpose");'
    code_page_something = "Math.max?"
    code_clear_output = "clear();"
    code_inspect_sample = "Math.max("

    completion_samples = [
        {"text": "System.out.printl", "matches": {"println("}},
        {"text": '"text".isBl', "matches": {"isBlank()"}},
        {"text": "%lsm", "matches": {"%lsmagic"}},
    ]
    complete_code_samples = [
        "1 + 1",
        "int x = 1;",
        "int square(int n) {\n    return n * n;\n}",
        'String s = """\n    text\n    """;',
        "%time 1 + 1",
    ]
    incomplete_code_samples = [
        "int square(int n) {",
        "for (int i = 0; i < 3; i++) {\n    System.out.println(i);",
        "Math.max(1,",
        'String s = """\n    text',
        "/* a comment",
    ]
    invalid_code_samples = ["int 1x = ;", "class { }}", ")"]

    code_execute_result = [
        {"code": "6 * 7", "result": "42"},
        {"code": 'String.join("-", List.of("a", "b"))', "result": "a-b"},
        {"code": "List.of(new java.awt.Point(1, 2))", "mime": "text/html"},
        {"code": "Stream.of(3, 1, 2).sorted().toList()", "result": "[1, 2, 3]"},
    ]
    code_display_data = [
        {"code": 'display(html("<b>bold</b>"));', "mime": "text/html"},
        {"code": 'display(markdown("**bold**"));', "mime": "text/markdown"},
        {"code": 'display(latex("$$e$$"));', "mime": "text/latex"},
        {"code": 'display(svg("<svg xmlns=\'http://www.w3.org/2000/svg\'/>"));', "mime": "image/svg+xml"},
        {"code": 'display(json("{\\"a\\": [1, 2]}"));', "mime": "application/json"},
        {
            "code": "display(image(new java.awt.image.BufferedImage(2, 2, java.awt.image.BufferedImage.TYPE_INT_RGB)));",
            "mime": "image/png",
        },
    ]
    code_history_pattern = "6 *"
    supported_history_operations = ("tail", "range", "search")


class IopubWelcomeTests(jupyter_kernel_test.IopubWelcomeTests):
    kernel_name = "tunebook"
    support_iopub_welcome = True


if __name__ == "__main__":
    unittest.main(verbosity=2)
