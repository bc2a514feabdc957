package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import io.tunebook.data.Records.Utf8;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Plain text: blank lines separate documents, each with a field {@code content}. A document without a blank line is
 * cut at the end of the line after a million bytes, so that memory stays flat.
 */
final class TextRecords implements Records {
    private static final int LONGEST = 1 << 20;

    private final Path file;
    private final InputStream in;
    private final byte[] buffer = new byte[1 << 16];
    private final ByteArrayOutputStream current = new ByteArrayOutputStream();
    private int at;
    private int end;
    private long bytesBefore;
    private long line;
    private long firstLine;
    private long firstByte;
    private long number;

    TextRecords(Path file, InputStream in) {
        this.file = file;
        this.in = in;
    }

    @Override
    public JsonParser next() throws IOException {
        ByteArrayOutputStream text = new ByteArrayOutputStream();
        boolean blank = true;
        while (text.size() < LONGEST) {
            long lineStart = bytesBefore + at;
            boolean more = readLine();
            boolean empty = current.toString(StandardCharsets.ISO_8859_1).isBlank();
            if (empty && !blank) {
                break;
            }
            if (!empty) {
                if (blank) {
                    blank = false;
                    firstLine = line;
                    firstByte = lineStart;
                }
                current.writeTo(text);
            }
            if (!more) {
                break;
            }
        }
        if (blank) {
            return null;
        }
        number++;
        byte[] bytes = text.toByteArray();
        int wrong = Utf8.firstMalformed(bytes, 0, bytes.length);
        if (wrong >= 0) {
            throw new CorpusException(
                    file,
                    firstLine + Utf8.lines(bytes, 0, wrong),
                    firstByte + wrong,
                    Utf8.complaint(bytes[wrong]),
                    null);
        }
        String content =
                new String(bytes, StandardCharsets.UTF_8).replace("\r\n", "\n").stripTrailing();
        return JsonNodeFactory.instance.objectNode().put("content", content).traverse();
    }

    /** Reads the next line with its line break into {@code current}; false at the end of the file. */
    private boolean readLine() throws IOException {
        line++;
        current.reset();
        while (true) {
            if (at == end) {
                bytesBefore += end;
                at = 0;
                end = Math.max(0, in.read(buffer));
                if (end == 0) {
                    return false;
                }
            }
            int from = at;
            while (at < end && buffer[at] != '\n') {
                at++;
            }
            boolean ended = at < end;
            at += ended ? 1 : 0;
            current.write(buffer, from, at - from);
            if (ended) {
                return true;
            }
            if (current.size() >= 16 * LONGEST) {
                throw new IOException(
                        "line " + line + " is longer than " + current.size() + " bytes: this is not text");
            }
        }
    }

    @Override
    public long number() {
        return number;
    }

    @Override
    public CorpusException broken(long offset, String what, Throwable cause) {
        return new CorpusException(file, firstLine, firstByte + Math.max(0, offset), what, cause);
    }

    @Override
    public CorpusException wrong(String what) {
        return broken(0, what, null);
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
