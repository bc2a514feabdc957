package io.tunebook.kernel.eval;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import io.tunebook.kernel.display.Html;
import io.tunebook.kernel.display.MimeBundle;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import jdk.jshell.SourceCodeAnalysis.Documentation;

/**
 * Signatures and Javadoc of what stands at the cursor: the JDK's from its {@code src.zip}, a library's from its
 * {@code -sources.jar}.
 */
public final class Inspector {
    private static final int SHOWN = 12;
    private static final Pattern MEMBER =
            Pattern.compile("(?:.*[\\s>\\]])?(?:[\\w.]*?)(\\w+)(?:<.*?>)?\\.(\\w+)\\((.*)\\).*");
    private static final Pattern TYPE = Pattern.compile("(?:.*\\s)?(?:[\\w.]*\\.)?(\\w+)(?:<.*>)?(?:\\(.*\\))?");

    private final CellEvaluator evaluator;
    private final Completer completer;

    public Inspector(CellEvaluator evaluator, Completer completer) {
        this.evaluator = evaluator;
        this.completer = completer;
    }

    /** What is known of the name at the cursor, counted in UTF-16 units, as Markdown, HTML and text. */
    public Optional<MimeBundle> inspect(String cell, int cursor) {
        int end = cursor;
        while (end < cell.length() && Character.isJavaIdentifierPart(cell.charAt(end))) {
            end++;
        }
        String before = Completer.blankMagics(cell.substring(0, end));
        String code = completer.context(before);
        List<Documentation> found = evaluator.indexed().documentation(code, code.length(), true);
        if (found.isEmpty()) {
            found = evaluator.indexed().documentation(code + "(", code.length() + 1, true);
        }
        if (found.isEmpty()) {
            return variable(before);
        }
        StringBuilder text = new StringBuilder();
        StringBuilder markdown = new StringBuilder();
        StringBuilder html = new StringBuilder();
        found.stream().limit(SHOWN).forEach(d -> {
            String javadoc = d.javadoc() == null || d.javadoc().isBlank()
                    ? fromSources(d.signature()).orElse("")
                    : d.javadoc();
            String plain = markdown(javadoc);
            text.append(d.signature()).append("\n\n").append(plain).append("\n\n");
            markdown.append("```java\n")
                    .append(d.signature())
                    .append("\n```\n\n")
                    .append(plain)
                    .append("\n\n");
            html.append("<pre><code>")
                    .append(Html.escape(d.signature()))
                    .append("</code></pre><div>")
                    .append(html(javadoc))
                    .append("</div>");
        });
        if (found.size() > SHOWN) {
            String more = "… and " + (found.size() - SHOWN) + " more";
            List.of(text, markdown, html).forEach(b -> b.append(more));
        }
        return Optional.of(MimeBundle.of(
                MimeBundle.TEXT, text.toString().strip(),
                MimeBundle.MARKDOWN, markdown.toString().strip(),
                MimeBundle.HTML, html.toString()));
    }

    /** How a cell has declared a method or type, or empty if none has. */
    public Optional<MimeBundle> source(String name) {
        String all = String.join("\n\n", evaluator.declarations().of(name));
        return all.isEmpty()
                ? Optional.empty()
                : Optional.of(MimeBundle.of(
                        MimeBundle.TEXT, all,
                        MimeBundle.MARKDOWN, "```java\n" + all + "\n```",
                        MimeBundle.HTML, "<pre><code>" + Html.escape(all) + "</code></pre>"));
    }

    private Optional<MimeBundle> variable(String before) {
        Matcher word = Pattern.compile("\\w+$").matcher(before);
        return word.find()
                ? Optional.ofNullable(evaluator.variables().get(word.group())).map(type -> {
                    String line = type + " " + word.group();
                    return MimeBundle.of(
                            MimeBundle.TEXT, line,
                            MimeBundle.MARKDOWN, "```java\n" + line + "\n```",
                            MimeBundle.HTML, "<pre><code>" + Html.escape(line) + "</code></pre>");
                })
                : Optional.empty();
    }

    // ---- Javadoc for reading

    private static String markdown(String javadoc) {
        String text = inline(javadoc, "`", "`")
                .replaceAll("(?i)<pre>\\s*", "\n```java\n")
                .replaceAll("(?i)\\s*</pre>", "\n```\n")
                .replaceAll("(?i)<li>\\s*", "\n- ")
                .replaceAll("(?i)</?(code|tt|var)>", "`")
                .replaceAll("(?i)</?(em|i)>", "*")
                .replaceAll("(?i)</?(strong|b)>", "**")
                .replaceAll("(?i)<(p|/p|br|ul|/ul|ol|/ol|blockquote|/blockquote|/li|h\\d[^>]*|/h\\d)>", "\n")
                .replaceAll("</?[a-zA-Z][^>]*>", "")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&nbsp;", " ")
                .replace("&amp;", "&");
        return tags(text, "\n- **", "** ").replaceAll("\n{3,}", "\n\n").strip();
    }

    private static String html(String javadoc) {
        return tags(JavadocHtml.of(inline(javadoc, "<code>", "</code>")), "<br><b>", "</b> ");
    }

    private static String inline(String javadoc, String open, String close) {
        return javadoc.replaceAll("\\{@(?:code|literal|value)\\s+((?:[^{}]|\\{[^{}]*\\})*)\\}", open + "$1" + close)
                .replaceAll("\\{@link(?:plain)?\\s+#?([^\\s}]+)\\}", open + "$1" + close)
                .replaceAll("\\{@link(?:plain)?\\s+[^\\s}]+\\s+([^}]*)\\}", open + "$1" + close)
                .replaceAll("\\{@\\w+\\s*([^}]*)\\}", "$1");
    }

    private static String tags(String text, String open, String close) {
        return text.replaceAll(
                "(?m)^\\s*@(param|throws|exception|return|see|since|deprecated)\\b", open + "$1" + close);
    }

    // ---- a library's sources

    private Optional<String> fromSources(String signature) {
        Matcher member = MEMBER.matcher(signature);
        Matcher type = TYPE.matcher(signature);
        String className = member.matches() ? member.group(1) : type.matches() ? type.group(1) : "";
        String method = member.matches() ? member.group(2) : signature.contains("(") ? "<init>" : "";
        String parameters = signature.replaceAll("(?s)^[^(]*\\(?|\\).*$", "").replaceAll("<[^<>]*>", "");
        int arity = parameters.isBlank() ? 0 : parameters.split(",").length;
        if (className.isEmpty()) {
            return Optional.empty();
        }
        for (Path jar : evaluator.classPath()) {
            if (entry(jar, className + ".class").isPresent()) {
                Optional<String> found =
                        evaluator.sources().of(jar).flatMap(sources -> find(sources, className, method, arity));
                if (found.isPresent()) {
                    return found;
                }
            }
        }
        return Optional.empty();
    }

    private static Optional<String> entry(Path jar, String name) {
        if (!Files.isRegularFile(jar)) {
            return Optional.empty();
        }
        try (JarFile file = new JarFile(jar.toFile())) {
            return file.stream()
                    .map(JarEntry::getName)
                    .filter(e -> ("/" + e).endsWith("/" + name))
                    .findFirst();
        } catch (IOException e) {
            return Optional.empty(); // help is not worth an error
        }
    }

    private static Optional<String> find(Path sources, String className, String method, int arity) {
        Optional<String> entry = entry(sources, className + ".java");
        if (entry.isEmpty()) {
            return Optional.empty();
        }
        try (JarFile jar = new JarFile(sources.toFile())) {
            byte[] source = jar.getInputStream(jar.getEntry(entry.get())).readAllBytes();
            return comment(new String(source, StandardCharsets.UTF_8), className, method, arity);
        } catch (IOException e) {
            return Optional.empty();
        }
    }

    private static Optional<String> comment(String source, String className, String method, int arity)
            throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        JavaFileObject file =
                new SimpleJavaFileObject(URI.create("string:///" + className + ".java"), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }
                };
        JavacTask task = (JavacTask) compiler.getTask(null, null, d -> {}, List.of("-proc:none"), null, List.of(file));
        DocTrees docs = DocTrees.instance(task);
        List<String> found = new ArrayList<>();
        for (CompilationUnitTree unit : task.parse()) {
            new TreePathScanner<Void, Void>() {
                @Override
                public Void visitClass(ClassTree tree, Void nothing) {
                    return method.isEmpty() && tree.getSimpleName().contentEquals(className)
                            ? take(getCurrentPath())
                            : super.visitClass(tree, nothing);
                }

                @Override
                public Void visitMethod(MethodTree tree, Void nothing) {
                    Tree owner = getCurrentPath().getParentPath().getLeaf();
                    List<? extends VariableTree> parameters = tree.getParameters();
                    return owner instanceof ClassTree c
                                    && c.getSimpleName().contentEquals(className)
                                    && tree.getName().contentEquals(method)
                                    && parameters.size() == arity
                            ? take(getCurrentPath())
                            : null;
                }

                private Void take(TreePath path) {
                    String comment = docs.getDocComment(path);
                    if (comment != null) {
                        found.add(comment);
                    }
                    return null;
                }
            }.scan(unit, null);
        }
        return found.stream().findFirst();
    }
}
