"""The kernel under nbclient."""

import os
import tempfile
import unittest

import nbconvert
import nbformat
from jupyter_client.manager import KernelManager, start_new_kernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError


def notebook(*sources):
    nb = nbformat.v4.new_notebook()
    nb.cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nb


def execute(nb, **options):
    return NotebookClient(nb, kernel_name="tunebook", timeout=60, **options).execute()


class NbclientTest(unittest.TestCase):
    def test_results_streams_and_displays(self):
        nb = execute(
            notebook(
                'System.out.println("out"); System.err.println("err"); 6 * 7',
                'String h = display(html("<b>1</b>"), "bar");',
                'update(h, html("<b>2</b>"));',
            )
        )
        kinds = [(o.output_type, o.get("name")) for o in nb.cells[0].outputs]
        self.assertEqual([("stream", "stdout"), ("stream", "stderr"), ("execute_result", None)], kinds)
        self.assertEqual("42", nb.cells[0].outputs[-1].data["text/plain"])
        self.assertEqual("<b>2</b>", nb.cells[1].outputs[0].data["text/html"])
        self.assertEqual("java", nb.metadata.language_info.name)

    def test_error_has_the_users_frames(self):
        nb = notebook("int half(int n) {\n    return 1 / n;\n}", "half(0)")
        with self.assertRaises(CellExecutionError) as caught:
            execute(nb)
        text = str(caught.exception)
        self.assertIn("java.lang.ArithmeticException", text)
        self.assertIn("Cell[1], line 2", text.replace("\x1b[36m", "").replace("\x1b[0m", ""))
        self.assertNotIn("jdk.jshell", text)

    def test_a_progress_bar_is_one_bar_in_html(self):
        nb = execute(notebook('try (var bar = progress(3)) { for (int i = 0; i < 3; i++) { Thread.sleep(250); bar.step(); } }'))
        self.assertEqual(1, len(nb.cells[0].outputs))
        html, _ = nbconvert.HTMLExporter().from_notebook_node(nb)
        self.assertEqual(1, html.count("3 of 3"))
        self.assertNotIn("1 of 3", html)
        self.assertIn("width:100.0%", html)

    def test_another_jackson_than_the_kernels_own(self):
        nb = execute(
            notebook(
                "%maven com.fasterxml.jackson.core:jackson-databind:2.13.5",
                "import com.fasterxml.jackson.databind.ObjectMapper;\nnew ObjectMapper().version().toString()",
                'new ObjectMapper().readTree("{\\"a\\": [1, 2]}")',
            )
        )
        self.assertEqual("2.13.5", nb.cells[1].outputs[0].data["text/plain"])
        self.assertEqual({"a": [1, 2]}, nb.cells[2].outputs[0].data["application/json"])

    def test_a_timeout_interrupts_and_the_next_cell_still_has_the_variables(self):
        nb = notebook("int kept = 5;", "while (true) { }", "kept")
        client = NotebookClient(
            nb, kernel_name="tunebook", timeout=3, interrupt_on_timeout=True, allow_errors=True
        )
        client.execute()
        self.assertEqual("KeyboardInterrupt", nb.cells[1].outputs[-1].ename)
        self.assertEqual("5", nb.cells[2].outputs[-1].data["text/plain"])

    def test_twenty_thousand_lines_are_few_messages(self):
        nb = execute(notebook('for (int i = 0; i < 20_000; i++) System.out.println("line " + i);'))
        outputs = nb.cells[0].outputs
        self.assertLess(len(outputs), 100)
        self.assertEqual("".join(f"line {i}\n" for i in range(20_000)), "".join(o.text for o in outputs))


class TransportTest(unittest.TestCase):
    def test_unix_domain_sockets(self):
        with tempfile.TemporaryDirectory() as folder:
            manager = KernelManager(kernel_name="tunebook", transport="ipc", ip=os.path.join(folder, "kernel"))
            manager.start_kernel()
            client = manager.client()
            client.start_channels()
            try:
                client.wait_for_ready(timeout=60)
                texts = []
                reply = client.execute_interactive(
                    "6 * 7", timeout=30, output_hook=lambda m: texts.append(m["content"].get("data"))
                )
                self.assertEqual("ok", reply["content"]["status"])
                self.assertIn({"text/plain": "42"}, texts)
                self.assertTrue(client.is_alive())
            finally:
                client.stop_channels()
                manager.shutdown_kernel()


class StandardInputTest(unittest.TestCase):
    def test_a_scanner_asks_the_frontend(self):
        manager, client = start_new_kernel(kernel_name="tunebook")
        try:
            client.execute('String name = new Scanner(System.in).nextLine();', allow_stdin=True)
            request = client.get_stdin_msg(timeout=30)
            self.assertEqual("input_request", request["msg_type"])
            self.assertFalse(request["content"]["password"])
            client.input("Ada")
            self.assertEqual("ok", client.get_shell_msg(timeout=30)["content"]["status"])
            reply = client.execute_interactive(
                'if (!name.equals("Ada")) throw new Exception(name);', timeout=30, output_hook=lambda m: None
            )
            self.assertEqual("ok", reply["content"]["status"])
        finally:
            client.stop_channels()
            manager.shutdown_kernel()


if __name__ == "__main__":
    unittest.main(verbosity=2)
