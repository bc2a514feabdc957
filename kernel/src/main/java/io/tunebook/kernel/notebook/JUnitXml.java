package io.tunebook.kernel.notebook;

import io.tunebook.kernel.files.AtomicWrite;
import io.tunebook.kernel.notebook.NotebookReport.CellResult;
import io.tunebook.kernel.notebook.NotebookReport.CellResult.Verdict;
import java.io.IOException;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import javax.xml.stream.XMLOutputFactory;
import javax.xml.stream.XMLStreamException;
import javax.xml.stream.XMLStreamWriter;

/** Notebooks as JUnit's test suites, with a test case for each cell. */
final class JUnitXml {
    private JUnitXml() {}

    /** Writes suites as one file. */
    static void write(Path file, List<NotebookReport> reports) throws IOException {
        StringBuilder all = new StringBuilder("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        for (NotebookReport report : reports) {
            all.append(suite(report)).append('\n');
        }
        AtomicWrite.text(file, all.append("</testsuites>\n").toString());
    }

    private static String suite(NotebookReport report) {
        String notebook = legal(report.notebook());
        StringWriter text = new StringWriter();
        try {
            XMLStreamWriter xml = XMLOutputFactory.newInstance().createXMLStreamWriter(text);
            xml.writeStartElement("testsuite");
            xml.writeAttribute("name", notebook);
            xml.writeAttribute("tests", Integer.toString(report.cells().size()));
            xml.writeAttribute("failures", Long.toString(report.count(Verdict.FAILED)));
            xml.writeAttribute("errors", Long.toString(report.count(Verdict.ERROR)));
            xml.writeAttribute("skipped", Long.toString(report.count(Verdict.SKIPPED)));
            xml.writeAttribute(
                    "time",
                    seconds(report.cells().stream()
                            .mapToDouble(CellResult::seconds)
                            .sum()));
            for (CellResult c : report.cells()) {
                xml.writeStartElement("testcase");
                xml.writeAttribute("classname", notebook);
                xml.writeAttribute("name", legal(c.name()));
                xml.writeAttribute("time", seconds(c.seconds()));
                if (c.verdict() == Verdict.SKIPPED) {
                    xml.writeEmptyElement("skipped");
                    xml.writeAttribute("message", legal(c.headline()));
                } else if (c.verdict() != Verdict.PASSED) {
                    xml.writeStartElement(c.verdict() == Verdict.FAILED ? "failure" : "error");
                    xml.writeAttribute("message", legal(c.headline()));
                    xml.writeCharacters(legal(c.account()));
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

    private static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.3f", seconds);
    }

    /** Without the control characters that XML 1.0 cannot hold. */
    private static String legal(String text) {
        return text.replaceAll("[^\\t\\n\\r\\x20-\\uD7FF\\uE000-\\uFFFD\\x{10000}-\\x{10FFFF}]", "");
    }
}
