package io.tunebook.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.exc.StreamConstraintsException;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import io.tunebook.data.Records.Utf8;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;

/**
 * The objects of a JSON array, or objects one after the other as in JSON lines, in memory one at a time.
 *
 * <p>A scan over the bytes finds where an object ends, and only that piece goes to Jackson. So a broken object cannot
 * take its neighbours along: raw line breaks in a string and letters outside of one, the usual traces of a lost
 * quotation mark, end it at once, and reading goes on at the next object that begins as the earlier ones did.
 */
final class JsonRecords implements Records {
    /** What is nested deeper is read by nobody: values are read by calls within calls. */
    private static final int DEEPEST = 1000;

    /** Shared: its table of field names serves all files. */
    static final JsonFactory JSON = JsonFactory.builder()
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(Integer.MAX_VALUE)
                    .maxNestingDepth(DEEPEST)
                    .build())
            .build();

    private static final int START = 1 << 17;
    private static final byte OTHER = 0;
    private static final byte PLAIN = 1;
    private static final byte OPEN = 2;
    private static final byte CLOSE = 3;
    private static final byte QUOTE = 4;
    /** What a byte means outside of a string. */
    private static final byte[] CLASS = new byte[256];

    static {
        for (char c : " \t\r\n:,0123456789+-.eEtrufalsnNaIity".toCharArray()) {
            CLASS[c] = PLAIN;
        }
        CLASS['{'] = CLASS['['] = OPEN;
        CLASS['}'] = CLASS[']'] = CLOSE;
        CLASS['"'] = QUOTE;
    }

    private final Path file;
    private final InputStream in;
    private final int longest;
    private byte[] buffer = new byte[START];
    private int end;
    private boolean exhausted;
    /** Bytes and line breaks before {@code buffer[0]}. */
    private long bytesBefore;

    private long linesBefore;
    private int at;
    private int objectStart;
    private boolean inArray;
    private boolean begun;
    private boolean commaDue;
    private boolean lost;
    private boolean whole;
    private final FirstKey firstKey = new FirstKey();
    private long number;
    /** For each level of the object being scanned, the outermost first, whether it is an array. */
    private boolean[] arrays = new boolean[64];

    JsonRecords(Path file, InputStream in) {
        this.file = file;
        this.in = in;
        this.longest = (int) Math.min(1 << 28, Runtime.getRuntime().maxMemory() / 6);
    }

    @Override
    public JsonParser next() throws IOException {
        if (whole && !lost) {
            firstKey.learn(buffer, objectStart, at);
        }
        whole = false;
        if (lost && !findNext()) {
            return null;
        }
        lost = false;
        if (!findObject()) {
            return null;
        }
        number++;
        objectStart = at;
        scanObject();
        commaDue = true;
        whole = true;
        return JSON.createParser(buffer, objectStart, at - objectStart);
    }

    @Override
    public long number() {
        return number;
    }

    @Override
    public CorpusException broken(long offset, String what, Throwable cause) {
        if (cause instanceof StreamConstraintsException) {
            return wrong(what); // nothing is missing: it is only larger than what is read
        }
        int malformed = Utf8.firstMalformed(buffer, objectStart, at);
        if (malformed < 0) {
            firstKey.learnIfUnknown(buffer, objectStart, at);
        }
        lost = true;
        at = objectStart + 1;
        return malformed >= 0
                ? error(malformed, Utf8.complaint(buffer[malformed]), cause)
                : error(objectStart + (int) Math.max(0, offset), what, cause);
    }

    @Override
    public CorpusException wrong(String what) {
        return error(objectStart, what, null);
    }

    /** Moves to the next opening brace on the outermost level. */
    private boolean findObject() throws IOException {
        while (true) {
            if (at == end && !fill(at)) {
                if (inArray) {
                    inArray = false;
                    at = end;
                    throw error(
                            at,
                            "the file ends inside its array: expected , or ] and found the end. It is cut off; fetch it again",
                            null);
                }
                return false;
            }
            byte c = buffer[at];
            if (c == '{') {
                if (inArray && commaDue) {
                    commaDue = false;
                    throw error(at, "expected , or ] between two documents, found {", null);
                }
                begun = true;
                return true;
            }
            if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
                at++;
            } else if (c == '[' && !begun) {
                begun = inArray = true;
                at++;
            } else if (c == ',' && inArray && commaDue) {
                commaDue = false;
                at++;
            } else if (c == ']' && inArray) {
                inArray = false;
                at++;
            } else {
                throw lostAt(at, "expected a document that begins with {, found " + describe(at));
            }
        }
    }

    /** Moves behind the object that begins at {@code at}. */
    private void scanObject() throws IOException {
        int depth = 0;
        byte last = '[';
        int p = at;
        boolean inString = false;
        while (true) {
            if (p >= end) {
                int ahead = p - end;
                int length = end - objectStart;
                if (length > longest) {
                    throw lostAt(
                            objectStart,
                            "a document of more than " + longest
                                    + " bytes: is a quotation mark or a brace missing? Otherwise give the JVM more heap (-Xmx)");
                }
                if (!fill(objectStart)) {
                    CorpusException cut = error(
                            end,
                            "the file ends inside the document that begins at line " + line(objectStart) + ", byte "
                                    + (bytesBefore + objectStart) + ". It is cut off; fetch it again",
                            null);
                    // All up to here was in order, so what looks like a document in it is a part of this one.
                    at = end;
                    inArray = false;
                    throw cut;
                }
                p = length + ahead;
            }
            byte[] b = buffer;
            int stop = end;
            if (inString) {
                while (p < stop) {
                    byte c = b[p];
                    if (c == '"' || c == '\\' || c >= 0 && c < ' ') {
                        break;
                    }
                    p++;
                }
                if (p < stop) {
                    byte c = b[p];
                    if (c == '"') {
                        inString = false;
                        p++;
                    } else if (c == '\\') {
                        p += 2;
                    } else {
                        throw lostAt(
                                p,
                                "expected a string to go on or to end, found " + describe(p) + ": it must be written \\"
                                        + (c == '\n' ? "n" : String.format(Locale.ROOT, "u%04x", c))
                                        + ", or a quotation mark is missing before it");
                    }
                }
            } else {
                switch (CLASS[b[p] & 0xff]) {
                    case PLAIN -> {
                        last = b[p] > ' ' ? b[p] : last;
                        p++;
                    }
                    case QUOTE -> {
                        inString = true;
                        last = '"';
                        p++;
                    }
                    case OPEN -> {
                        boolean expected = last == ':' || last == '[' || last == ',' && depth > 0 && arrays[depth - 1];
                        if (!expected) {
                            throw lostAt(
                                    p,
                                    "expected the document that begins at line " + line(objectStart)
                                            + " to go on or to end, found " + describe(p)
                                            + ": a } is missing before it");
                        }
                        if (depth == arrays.length) {
                            arrays = Arrays.copyOf(arrays, 2 * depth);
                        }
                        last = b[p];
                        arrays[depth++] = last == '[';
                        p++;
                    }
                    case CLOSE -> {
                        last = b[p];
                        p++;
                        if (--depth == 0) {
                            at = p;
                            return;
                        }
                    }
                    default ->
                        throw lostAt(
                                p,
                                "expected JSON, found " + describe(p)
                                        + " outside of a string: a quotation mark is missing or one too many stands before it");
                }
            }
        }
    }

    /**
     * After a broken object: moves to the next one that begins as the others did, after a comma, a bracket or a line
     * break.
     */
    private boolean findNext() throws IOException {
        byte before = at == objectStart + 1 ? (byte) ' ' : (byte) ',';
        byte previous = ' ';
        while (true) {
            if (at >= end && !fill(end)) {
                inArray = false;
                return false;
            }
            byte c = buffer[at];
            if (c == '{'
                    && (before == ',' || before == '[' || before == '\n' || before == '}')
                    && beginsLikeTheOthers(previous == '\n')) {
                commaDue = false;
                return true;
            }
            if (c != ' ' && c != '\t' && c != '\r' && !(c == '\n' && (before == ',' || before == '['))) {
                before = c;
            }
            previous = c;
            at++;
        }
    }

    /**
     * Any first key will do for a brace at the start of a line: what is nested is indented, if it has its own lines.
     */
    private boolean beginsLikeTheOthers(boolean startsLine) throws IOException {
        objectStart = at;
        int p = blanks(at + 1);
        at = objectStart;
        if (p < 0 || !firstKey.known() || startsLine) {
            return p >= 0 && buffer[p] == '"';
        }
        int n = p - objectStart;
        while (objectStart + n + firstKey.length() > end) {
            if (!fill(objectStart)) {
                return false;
            }
            at = objectStart;
        }
        return firstKey.standsAt(buffer, objectStart + n);
    }

    /** The first byte from here that is no white space, or −1 at the end of the file. */
    private int blanks(int from) throws IOException {
        int ahead = from - objectStart;
        while (true) {
            if (objectStart + ahead >= end && !fill(objectStart)) {
                return -1;
            }
            byte c = buffer[objectStart + ahead];
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
                return objectStart + ahead;
            }
            ahead++;
        }
    }

    /** Reads more; what stands before {@code keep} is given up, and what follows moves to the buffer's start. */
    private boolean fill(int keep) throws IOException {
        if (exhausted) {
            return false;
        }
        if (keep > 0) {
            linesBefore += Utf8.lines(buffer, 0, keep);
            bytesBefore += keep;
            System.arraycopy(buffer, keep, buffer, 0, end - keep);
            end -= keep;
            at -= keep;
            objectStart -= keep;
        }
        if (end == buffer.length) {
            buffer = Arrays.copyOf(buffer, buffer.length * 2);
        }
        int n = in.read(buffer, end, buffer.length - end);
        if (n <= 0) {
            exhausted = true;
            return false;
        }
        end += n;
        return true;
    }

    private CorpusException lostAt(int where, String what) {
        if (!inArray) {
            firstKey.learnIfUnknown(buffer, objectStart, where);
        }
        lost = true;
        CorpusException e = error(where, what, null);
        at = where == at && where != objectStart ? where + 1 : objectStart + 1;
        return e;
    }

    private CorpusException error(int where, String what, Throwable cause) {
        return new CorpusException(file, line(where), bytesBefore + where, what, cause);
    }

    private long line(int where) {
        return 1 + linesBefore + Utf8.lines(buffer, 0, Math.min(where, end));
    }

    private String describe(int where) {
        int c = buffer[where] & 0xff;
        return c > ' ' && c < 0x7f
                ? String.valueOf((char) c)
                : c == '\n' ? "a line break" : String.format(Locale.ROOT, "the byte 0x%02X", c);
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
