package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.tunebook.kernel.notebook.NotebookReport.CellResult;
import io.tunebook.kernel.notebook.NotebookReport.CellResult.Verdict;
import io.tunebook.kernel.notebook.NotebookReport.SummaryTable;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What GitHub Actions shows beside the code: an annotation for each failure at the line of the notebook's file, and a
 * table in the job's summary.
 *
 * @param workspace the repository's folder; annotations name files below it
 * @param summary the file of the job's summary, if there is one
 * @see <a href="https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands">Workflow
 * commands</a>
 */
record GitHubLog(Path workspace, Optional<Path> summary) {
    /** An annotation is a few lines; the log holds the rest. */
    private static final int LONGEST = 4000;

    /** The log, if this runs in GitHub Actions. */
    static Optional<GitHubLog> fromEnvironment() {
        Map<String, String> env = System.getenv();
        return !"true".equals(env.get("GITHUB_ACTIONS"))
                ? Optional.empty()
                : Optional.of(new GitHubLog(
                        Path.of(env.getOrDefault("GITHUB_WORKSPACE", "")).toAbsolutePath(),
                        Optional.ofNullable(env.get("GITHUB_STEP_SUMMARY"))
                                .filter(file -> !file.isBlank())
                                .map(Path::of)));
    }

    /** Writes the annotations and the summary. */
    void annotate(List<Path> notebooks, List<NotebookReport> reports, PrintStream log) {
        for (int i = 0; i < reports.size(); i++) {
            Path file = notebooks.get(i).toAbsolutePath().normalize();
            for (CellResult c : reports.get(i).cells()) {
                if (c.verdict() == Verdict.FAILED || c.verdict() == Verdict.ERROR) {
                    log.println(annotation(file, c));
                }
            }
        }
        summary.ifPresent(file -> {
            try {
                Files.writeString(
                        file,
                        SummaryTable.markdown(reports),
                        StandardCharsets.UTF_8,
                        StandardOpenOption.CREATE,
                        StandardOpenOption.APPEND);
            } catch (IOException e) {
                log.println("::warning::" + escape("the summary cannot be written to " + file + ": " + e));
            }
        });
    }

    private String annotation(Path file, CellResult c) {
        String path = (file.startsWith(workspace) ? workspace.relativize(file) : file)
                .toString()
                .replace('\\', '/');
        String text = c.account().strip();
        return "::error file=" + property(path) + ",line=" + SourceLines.of(file, c.cell(), c.line()) + ",title="
                + property(file.getFileName() + ": " + c.name()) + "::"
                + escape(c.headline() + "\n" + (text.length() > LONGEST ? text.substring(0, LONGEST) + " …" : text));
    }

    private static String escape(String text) {
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A");
    }

    private static String property(String text) {
        return escape(text).replace(":", "%3A").replace(",", "%2C");
    }

    /** Where a cell's lines stand in the notebook's file. */
    private static final class SourceLines {
        private SourceLines() {}

        /**
         * The line of the file.
         *
         * @param cell from 1
         * @param line of the cell's source, from 1; 0 for its begin
         * @return 1 if the file does not tell
         */
        static int of(Path notebook, int cell, int line) {
            try (JsonParser json = Notebook.JSON.getFactory().createParser(notebook.toFile())) {
                int cells = 0;
                while (json.nextToken() != null) {
                    var context = json.getParsingContext();
                    boolean source = json.currentToken() == JsonToken.FIELD_NAME
                            && "source".equals(json.currentName())
                            && context.getParent() != null
                            && context.getParent().inArray()
                            && "cells".equals(context.getParent().getParent().getCurrentName())
                            && context.getParent().getParent().getParent().inRoot();
                    if (source && ++cells == cell) {
                        boolean lines = json.nextToken() == JsonToken.START_ARRAY;
                        for (int i = 1; lines && i <= Math.max(1, line); i++) {
                            if (json.nextToken() == JsonToken.END_ARRAY) {
                                break;
                            }
                        }
                        return json.currentTokenLocation().getLineNr();
                    }
                }
            } catch (IOException e) {
                // the annotation is of use without its line
            }
            return 1;
        }
    }
}
