package io.tunebook.kernel.magic;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.DisplaySink;
import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.eval.CellContext;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellOutput;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import jdk.jshell.Snippet;

/** What the session holds: its magics, variables, methods and cells. */
final class SessionMagics {
    private static final int SHOWN = 80;
    private static final long CAPTURED = 64L << 20; // bytes

    private final CellEvaluator evaluator;
    private final Magics magics;

    SessionMagics(CellEvaluator evaluator, Magics magics) {
        this.evaluator = evaluator;
        this.magics = magics;
    }

    List<Magic> all() {
        List<Magic> all = new ArrayList<>();
        for (String name : List.of("%lsmagic", "%help")) {
            all.add(new Magic(name, "", "Lists all magics.", (a, rest, body) -> list()));
        }
        all.add(new Magic(
                "%jshell",
                "/vars | /types | /methods | /imports",
                "Lists what cells have declared, as JShell's commands do.",
                typed -> Stream.of("/vars", "/types", "/methods", "/imports")
                        .filter(c -> c.startsWith(typed))
                        .toList(),
                (a, rest, body) -> jshell(rest)));
        all.add(new Magic(
                "%%java",
                "",
                "Runs the cell; without one, lists the variables with their types and values.",
                (a, rest, body) ->
                        body.isBlank() ? whos() : magics.execute(body, 0).orElse(null)));
        all.add(new Magic(
                "%who", "", "Lists the variables and their types.", (a, rest, body) -> evaluator.variables()));
        all.add(new Magic("%whos", "", "Lists the variables with their types and values.", (a, rest, body) -> whos()));
        all.add(new Magic(
                "%methods",
                "",
                "Lists the methods that cells have declared.",
                (a, rest, body) -> lines(evaluator.declarations().methods())));
        all.add(new Magic(
                "%history",
                "[-n]", "Prints the cells so far; with -n their numbers too.", (a, rest, body) -> {
                    evaluator.results().in().forEach((number, code) -> {
                        System.out.println(
                                a.contains("-n") ? String.format(Locale.ROOT, "%4d: %s", number, code) : code);
                    });
                    return null;
                }));
        all.add(new Magic(
                "%processors",
                "on | off",
                "Says whether annotation processors on the class path, such as Lombok, run when a cell is compiled."
                        + " They are off at first.",
                typed -> Stream.of("on", "off").filter(w -> w.startsWith(typed)).toList(),
                (a, rest, body) -> processors(rest)));
        all.add(new Magic(
                "%reset",
                "", "Forgets all that cells have declared; the class path stays.", (a, rest, body) -> {
                    evaluator.reset();
                    return null;
                }));
        all.add(new Magic(
                "%%capture",
                "[NAME]",
                "Runs the cell and keeps what it prints and shows, in a variable or nowhere.",
                (a, rest, body) -> capture(a, body)));
        return all;
    }

    private static Object lines(List<String> lines) {
        lines.forEach(System.out::println);
        return null;
    }

    private Object jshell(String command) {
        return switch (command) {
            case "/vars" -> whos();
            case "/methods" -> lines(evaluator.declarations().methods());
            case "/types" ->
                lines(evaluator.declarations().of(Snippet.Kind.TYPE_DECL).stream()
                        .map(s -> s.replaceFirst("(?s)\\s*\\{.*", "").strip())
                        .toList());
            case "/imports" -> lines(evaluator.declarations().of(Snippet.Kind.IMPORT));
            default ->
                throw new IllegalArgumentException("expected /vars, /types, /methods or /imports, found " + command);
        };
    }

    private Object processors(String which) {
        if (!which.equals("on") && !which.equals("off")) {
            throw new IllegalArgumentException("expected on or off, found " + (which.isEmpty() ? "nothing" : which));
        }
        evaluator.processors(which.equals("on"));
        return null;
    }

    private Object list() {
        StringBuilder rows = new StringBuilder();
        magics.names().forEach(n -> rows.append(n)
                .append("  ")
                .append(magics.help(n).orElse("").replaceAll("(?s).*\\n\\n", ""))
                .append('\n'));
        return MimeBundle.of(
                "text/plain", rows.toString(), "text/html", "<pre>" + Html.escape(rows.toString()) + "</pre>");
    }

    private Object whos() {
        List<List<String>> rows = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        for (Map.Entry<String, String> v : evaluator.variables().entrySet()) {
            Object held = evaluator
                    .variable(v.getKey())
                    .map(CellEvaluator.Result::value)
                    .orElse(null);
            String value = Display.render(held).text().replaceAll("\\s+", " ");
            value = value.length() > SHOWN ? value.substring(0, SHOWN) + "…" : value;
            rows.add(List.of(v.getKey(), v.getValue(), value));
            text.append(v.getKey())
                    .append("  ")
                    .append(v.getValue())
                    .append("  ")
                    .append(value)
                    .append('\n');
        }
        return MimeBundle.of(
                MimeBundle.TEXT,
                text.toString(),
                MimeBundle.HTML,
                Html.table(List.of("Variable", "Type", "Value"), rows, 0));
    }

    private Object capture(List<String> names, String body) throws Exception {
        StringBuffer out = new StringBuffer();
        StringBuffer err = new StringBuffer();
        List<MimeBundle> shown = java.util.Collections.synchronizedList(new ArrayList<>());
        DisplaySink sink = new DisplaySink() {
            @Override
            public void show(MimeBundle bundle, String id, boolean update) {
                shown.add(bundle);
            }

            @Override
            public void clear(boolean wait) {
                out.setLength(0);
                err.setLength(0);
                shown.clear();
            }

            @Override
            public boolean rich() {
                return true;
            }
        };
        CellContext cell = CellContext.current();
        Runnable end = cell == null
                ? () -> {}
                : cell.capture(new CellOutput((error, text) -> (error ? err : out).append(text), CAPTURED), sink);
        try {
            magics.execute(body, 0).ifPresent(r -> shown.add(Display.render(r.value())));
        } finally {
            end.run();
            if (!names.isEmpty()) {
                evaluator.define(
                        names.get(0),
                        Captured.class.getName(),
                        new Captured(out.toString(), err.toString(), List.copyOf(shown)));
            }
        }
        return null;
    }
}
