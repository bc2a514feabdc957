package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Plain text: blank lines separate documents, each with a field {@code content}. A document without a blank line is
 * cut at the end of the line after a million characters, so that memory stays flat.
 */
final class TextRecords implements Records {
    private static final int LONGEST = 1 << 20;

    private final Path file;
    private final BufferedReader reader;
    private long line;
    private long firstLine;
    private long number;

    TextRecords(Path file, InputStream in) {
        this.file = file;
        this.reader = new BufferedReader(
                new InputStreamReader(
                        in, StandardCharsets.UTF_8.newDecoder().onMalformedInput(CodingErrorAction.REPORT)),
                1 << 16);
    }

    @Override
    public JsonParser next() throws IOException {
        StringBuilder text = new StringBuilder();
        try {
            for (String s = reader.readLine(); s != null; s = reader.readLine()) {
                line++;
                if (s.isBlank()) {
                    if (text.length() > 0) {
                        break;
                    }
                    continue;
                }
                if (text.length() == 0) {
                    firstLine = line;
                } else {
                    text.append('\n');
                }
                text.append(s);
                if (text.length() >= LONGEST) {
                    break;
                }
            }
        } catch (CharacterCodingException e) {
            throw new IOException(
                    "after line " + line
                            + " stands a byte that is not UTF-8. If the file is in another encoding, name it: Corpus.open(path).charset(\"GB18030\")",
                    e);
        }
        if (text.length() == 0) {
            return null;
        }
        number++;
        return JsonNodeFactory.instance
                .objectNode()
                .put("content", text.toString())
                .traverse();
    }

    @Override
    public long number() {
        return number;
    }

    @Override
    public CorpusException broken(long offset, String what, Throwable cause) {
        return new CorpusException(file, firstLine, -1, what, cause);
    }

    @Override
    public void close() throws IOException {
        reader.close();
    }
}
