package io.tunebook.kernel.notebook;

import java.io.IOException;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/** What became of the cells of a notebook, as a JUnit test suite with a test case for each. */
final class TestReport {
    enum Verdict {
        PASSED,
        FAILED,
        SKIPPED,
        /** Its kernel died. */
        ERROR
    }

    private record Case(String name, Verdict verdict, Duration took, String message) {}

    private final String notebook;
    private final List<Case> cases = new ArrayList<>();

    TestReport(String notebook) {
        this.notebook = notebook;
    }

    void add(Notebook.Cell cell, Verdict verdict, Duration took, String message) {
        add("cell " + cell.number() + (cell.id().isEmpty() ? "" : " (" + cell.id() + ")"), verdict, took, message);
    }

    void add(String name, Verdict verdict, Duration took, String message) {
        cases.add(new Case(name, verdict, took, message));
    }

    long count(Verdict verdict) {
        return cases.stream().filter(c -> c.verdict() == verdict).count();
    }

    String summary() {
        long passed = count(Verdict.PASSED);
        long failed = count(Verdict.FAILED);
        long skipped = count(Verdict.SKIPPED);
        return passed
                + (passed == 1 ? " cell passed" : " cells passed")
                + (failed == 0 ? "" : ", " + failed + " failed")
                + (skipped == 0 ? "" : ", " + skipped + " not run");
    }

    /** The {@code testsuite} element. */
    String xml() {
        StringWriter text = new StringWriter();
        try {
            XMLStreamWriter xml = XMLOutputFactory.newInstance().createXMLStreamWriter(text);
            xml.writeStartElement("testsuite");
            xml.writeAttribute("name", legal(notebook));
            xml.writeAttribute("tests", Integer.toString(cases.size()));
            xml.writeAttribute("failures", Long.toString(count(Verdict.FAILED)));
            xml.writeAttribute("errors", Long.toString(count(Verdict.ERROR)));
            xml.writeAttribute("skipped", Long.toString(count(Verdict.SKIPPED)));
            xml.writeAttribute("time", seconds(cases.stream().map(Case::took).reduce(Duration.ZERO, Duration::plus)));
            for (Case c : cases) {
                xml.writeStartElement("testcase");
                xml.writeAttribute("classname", legal(notebook));
                xml.writeAttribute("name", legal(c.name()));
                xml.writeAttribute("time", seconds(c.took()));
                if (c.verdict() == Verdict.SKIPPED) {
                    xml.writeEmptyElement("skipped");
                    xml.writeAttribute("message", legal(c.message()));
                } else if (c.verdict() != Verdict.PASSED) {
                    xml.writeStartElement(c.verdict() == Verdict.FAILED ? "failure" : "error");
                    xml.writeCharacters(legal(c.message()));
                    xml.writeEndElement();
                }
                xml.writeEndElement();
            }
            xml.writeEndElement();
            xml.close();
        } catch (XMLStreamException e) {
            throw new IllegalStateException(e); // nothing here writes to a disk
        }
        return text.toString();
    }

    /** Writes suites as one file. */
    static void write(Path file, List<String> suites) throws IOException {
        String all = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n" + String.join("\n", suites)
                + "\n</testsuites>\n";
        Path target = file.toAbsolutePath();
        Files.createDirectories(target.getParent());
        Path part = target.resolveSibling(target.getFileName() + ".part");
        Files.writeString(part, all, StandardCharsets.UTF_8);
        Files.move(part, target, java.nio.file.StandardCopyOption.REPLACE_EXISTING);
    }

    private static String seconds(Duration d) {
        return String.format(Locale.ROOT, "%.3f", d.toNanos() / 1e9);
    }

    /** Without the control characters that XML 1.0 cannot hold. */
    private static String legal(String text) {
        return text.replaceAll("[^\\t\\n\\r\\x20-\\uD7FF\\uE000-\\uFFFD\\x{10000}-\\x{10FFFF}]", "");
    }
}
