package io.tunebook.data;

import com.github.luben.zstd.ZstdInputStream;
import io.tunebook.files.Placeholder;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.Charset;
import java.nio.charset.CharsetEncoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.LongConsumer;
import java.util.regex.Pattern;
import java.util.zip.GZIPInputStream;

/**
 * What one file holds, told by its first bytes and not by its name: compression (gzip, zstd), byte order mark, and
 * then JSON, Parquet, CSV or text.
 */
final class SourceFile {
    private static final int HEAD = 1 << 16;
    private static final Pattern NAME = Pattern.compile("[\\p{L}_][\\p{L}\\p{N}_ .-]{0,63}");
    private static final Set<String> TEXT_COLUMNS = Set.of(
            "content",
            "text",
            "body",
            "instruction",
            "output",
            "prompt",
            "completion",
            "messages",
            "conversations",
            "query",
            "question",
            "response",
            "answer");

    private SourceFile() {}

    /**
     * Opens the records of a file.
     *
     * @param charset the encoding of its text; null for UTF-8, or what a byte order mark says
     * @param read told how many of the file's own bytes were read, again and again
     * @throws CorpusException if the file is empty, or no file but a pipe or a device, which may never end
     */
    static Records open(Path file, Charset charset, LongConsumer read) throws IOException {
        if (Files.exists(file) && !Files.isRegularFile(file) && !Files.isDirectory(file)) {
            throw new CorpusException(
                    file, 0, -1, "expected a file, found a pipe, a socket or a device. Leave it out", null);
        }
        InputStream raw = new Counting(Files.newInputStream(file), read);
        try {
            BufferedInputStream plain = new BufferedInputStream(raw, HEAD);
            byte[] head = head(plain, 8);
            requireSome(file, head);
            if (startsWith(head, 'P', 'A', 'R', '1')) {
                raw.close();
                read.accept(Files.size(file));
                return TableRecords.parquet(file);
            }
            InputStream text = decompressed(plain, head);
            Charset marked = mark(text);
            Charset encoding = charset != null ? charset : marked;
            if (encoding != null && !encoding.equals(StandardCharsets.UTF_8)) {
                text = new BufferedInputStream(new Transcoding(new InputStreamReader(text, encoding)), HEAD);
            }
            byte[] start = head(text, HEAD);
            requireSome(file, start);
            requireData(file, start);
            String seen = new String(start, StandardCharsets.UTF_8).stripLeading();
            if (looksLikeJson(seen)) {
                return new JsonRecords(file, text);
            }
            char separator = separator(file, seen);
            if (separator != 0) {
                List<String> columns = columns(seen, separator);
                String compression = startsWith(head, 0x1f, 0x8b) ? "gzip" : isZstd(head) ? "zstd" : "none";
                if (encoding == null || encoding.equals(StandardCharsets.UTF_8)) {
                    text.close();
                    read.accept(Files.size(file));
                    return TableRecords.csv(file, columns, separator, compression);
                }
                return TableRecords.csv(file, columns, separator, text);
            }
            return new TextRecords(file, text);
        } catch (IOException | RuntimeException e) {
            raw.close();
            throw e;
        }
    }

    private static void requireSome(Path file, byte[] head) {
        if (head.length == 0) {
            throw new CorpusException(file, 0, 0, "the file is empty. Fetch it again or leave it out", null);
        }
    }

    /** A page of the web may be a text to learn from; one under the name of data is what a download left. */
    private static void requireData(Path file, byte[] start) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        boolean text = name.matches(".*\\.(x?html?|xml|txt|md)(\\.(gz|zst|zstd))?");
        Placeholder found = Placeholder.in(start).orElse(null);
        if (found == Placeholder.GIT_LFS_POINTER || found == Placeholder.WEB_PAGE && !text) {
            throw new CorpusException(file, 1, 0, "expected data, found " + found, null);
        }
    }

    /** The file's text without compression. */
    static InputStream plain(Path file) throws IOException {
        InputStream in = new BufferedInputStream(Files.newInputStream(file), HEAD);
        try {
            return decompressed(in, head(in, 8));
        } catch (IOException e) {
            in.close();
            throw e;
        }
    }

    private static InputStream decompressed(InputStream in, byte[] head) throws IOException {
        if (startsWith(head, 0x1f, 0x8b)) {
            return new BufferedInputStream(new GZIPInputStream(in, HEAD), HEAD);
        }
        return isZstd(head) ? new BufferedInputStream(new ZstdInputStream(in), HEAD) : in;
    }

    private static boolean isZstd(byte[] head) {
        return startsWith(head, 0x28, 0xb5, 0x2f, 0xfd);
    }

    /** Steps over a byte order mark and says what it means; null if there is none. */
    private static Charset mark(InputStream in) throws IOException {
        byte[] b = head(in, 3);
        if (startsWith(b, 0xef, 0xbb, 0xbf)) {
            in.skipNBytes(3);
            return StandardCharsets.UTF_8;
        }
        boolean big = startsWith(b, 0xfe, 0xff);
        if (big || startsWith(b, 0xff, 0xfe)) {
            in.skipNBytes(2);
            return big ? StandardCharsets.UTF_16BE : StandardCharsets.UTF_16LE;
        }
        return null;
    }

    private static boolean looksLikeJson(String seen) {
        return Pattern.compile("\\A(?:\\{\\s*(?:[\"}]|\\z)|\\[\\s*(?:[{\\]]|\\z))")
                .matcher(seen)
                .find();
    }

    /**
     * The separator if this is a table: a header of different names and as many cells in the rows after it. A name
     * that ends in csv or tsv, or a column as texts have them, must speak for it too: prose has commas as well.
     */
    private static char separator(Path file, String seen) {
        String name = file.getFileName().toString().toLowerCase(Locale.ROOT);
        boolean named = name.matches(".*\\.[ct]sv(\\.(gz|zst|zstd))?");
        for (char separator : new char[] {',', '\t', ';', '|'}) {
            List<String> names = columns(seen, separator);
            boolean header = Set.copyOf(names).size() == names.size()
                    && names.stream().allMatch(n -> NAME.matcher(n).matches());
            boolean known = names.stream().anyMatch(n -> TEXT_COLUMNS.contains(n.toLowerCase(Locale.ROOT)));
            boolean table = names.size() > 1;
            if (header && (named && (table || known) || known && table && seen.indexOf('\n') > 0)) {
                return separator;
            }
        }
        return 0;
    }

    private static List<String> columns(String seen, char separator) {
        String header = seen.lines().findFirst().orElse("");
        return Arrays.stream(header.split(Pattern.quote(String.valueOf(separator)), -1))
                .map(c -> c.strip().replaceAll("^\"|\"$", ""))
                .toList();
    }

    private static byte[] head(InputStream in, int length) throws IOException {
        in.mark(length);
        byte[] head = in.readNBytes(length);
        in.reset();
        return head;
    }

    private static boolean startsWith(byte[] bytes, int... start) {
        for (int i = 0; i < start.length; i++) {
            if (i >= bytes.length || (bytes[i] & 0xff) != start[i]) {
                return false;
            }
        }
        return true;
    }

    /** Counts what is read of the file itself, before decompression. */
    private static final class Counting extends FilterInputStream {
        private final LongConsumer read;

        Counting(InputStream in, LongConsumer read) {
            super(in);
            this.read = read;
        }

        @Override
        public int read() throws IOException {
            int b = super.read();
            if (b >= 0) {
                read.accept(1);
            }
            return b;
        }

        @Override
        public int read(byte[] b, int off, int len) throws IOException {
            int n = super.read(b, off, len);
            if (n > 0) {
                read.accept(n);
            }
            return n;
        }
    }

    /** Text in any encoding as UTF-8. A byte that the encoding does not have becomes U+FFFD. */
    private static final class Transcoding extends InputStream {
        private final Reader reader;
        private final CharsetEncoder encoder = StandardCharsets.UTF_8
                .newEncoder()
                .onMalformedInput(CodingErrorAction.REPLACE)
                .onUnmappableCharacter(CodingErrorAction.REPLACE);
        private final CharBuffer chars = CharBuffer.allocate(1 << 14).flip();
        private boolean exhausted;

        Transcoding(Reader reader) {
            this.reader = reader;
        }

        @Override
        public int read() {
            throw new UnsupportedOperationException("only ever read through a buffer");
        }

        @Override
        public int read(byte[] b, int off, int len) throws IOException {
            ByteBuffer out = ByteBuffer.wrap(b, off, len);
            while (true) {
                CoderResult result = encoder.encode(chars, out, exhausted);
                if (out.position() > off || result.isOverflow()) {
                    return out.position() - off;
                }
                if (exhausted) {
                    return -1;
                }
                chars.compact();
                exhausted = reader.read(chars) < 0;
                chars.flip();
            }
        }

        @Override
        public void close() throws IOException {
            reader.close();
        }
    }
}
