package io.tunebook.data;

import com.fasterxml.jackson.core.JsonParser;
import io.tunebook.data.Records.Utf8;
import io.tunebook.files.TemporaryFolder;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Properties;
import java.util.stream.Collectors;

/**
 * The rows of a Parquet or CSV file as DuckDB reads them, each as a JSON object with the columns as fields. Rows come
 * in a stream, so that memory stays flat. CSV rows with too few or too many cells, or with bytes that are not UTF-8,
 * are reported after the good ones.
 */
final class TableRecords implements Records {
    private static final String COPY = "utf8.csv";

    private final Path file;
    private final TemporaryFolder copy;
    private final Connection connection;
    private final Statement statement;
    private final ResultSet rows;
    private Deque<CorpusException> rejected;
    private long number;

    private TableRecords(Path file, TemporaryFolder copy, String source) throws IOException {
        this.file = file;
        this.copy = copy;
        Properties properties = new Properties();
        properties.setProperty("jdbc_stream_results", "true");
        Connection opened = null;
        try {
            opened = DriverManager.getConnection("jdbc:duckdb:", properties);
            statement = opened.createStatement();
            statement.execute("SET threads = 1");
            statement.execute("SET memory_limit = '512MB'");
            rows = statement.executeQuery("SELECT to_json(t) FROM " + source + " t");
            connection = opened;
        } catch (SQLException e) {
            close(opened);
            if (copy != null) {
                copy.close();
            }
            throw unreadable(e);
        }
    }

    static TableRecords parquet(Path file) throws IOException {
        return new TableRecords(file, null, "read_parquet(" + path(file) + ")");
    }

    /**
     * @param columns the header's names
     * @param compression of the file: {@code none}, {@code gzip} or {@code zstd}
     */
    static TableRecords csv(Path file, List<String> columns, char separator, String compression) throws IOException {
        return new TableRecords(file, null, csvSource(file, columns, separator, compression));
    }

    /** For text that DuckDB cannot read where it is: it is written down as UTF-8 first. */
    static TableRecords csv(Path file, List<String> columns, char separator, InputStream utf8) throws IOException {
        TemporaryFolder folder = new TemporaryFolder();
        Path copy = folder.path().resolve(COPY);
        try (utf8) {
            Files.copy(utf8, copy);
        } catch (Throwable e) {
            folder.close();
            throw e;
        }
        return new TableRecords(file, folder, csvSource(copy, columns, separator, "none"));
    }

    private static String csvSource(Path file, List<String> columns, char separator, String compression) {
        return "read_csv(" + path(file) + ", auto_detect = false, header = true, columns = {"
                + columns.stream().map(c -> quoted(c) + ": 'VARCHAR'").collect(Collectors.joining(", "))
                + "}, delim = " + quoted(String.valueOf(separator))
                + ", quote = '\"', escape = '\"', compression = " + quoted(compression)
                + ", max_line_size = 16000000, ignore_errors = true, store_rejects = true)";
    }

    @Override
    public JsonParser next() throws IOException {
        try {
            if (rejected == null) {
                if (rows.next()) {
                    number++;
                    return JsonRecords.JSON.createParser(rows.getString(1));
                }
                rejected = rejectedRows();
            }
        } catch (SQLException e) {
            throw unreadable(e);
        }
        if (rejected.isEmpty()) {
            return null;
        }
        throw rejected.remove();
    }

    private Deque<CorpusException> rejectedRows() throws SQLException, IOException {
        Deque<CorpusException> found = new ArrayDeque<>();
        try (Statement query = connection.createStatement();
                ResultSet tables =
                        query.executeQuery("SELECT 1 FROM duckdb_tables() WHERE table_name = 'reject_errors'")) {
            if (!tables.next()) {
                return found;
            }
        }
        try (Statement query = connection.createStatement();
                ResultSet errors = query.executeQuery(
                        "SELECT line_byte_position, error_message FROM reject_errors ORDER BY line_byte_position")) {
            // DuckDB counts rows, which may have several lines.
            try (InputStream text =
                    copy != null ? Files.newInputStream(copy.path().resolve(COPY)) : SourceFile.plain(file)) {
                long at = 0;
                long line = 1;
                while (errors.next()) {
                    long offset = Math.max(0, errors.getLong(1) - 1);
                    for (; at < offset; at++) {
                        line += text.read() == '\n' ? 1 : 0;
                    }
                    found.add(new CorpusException(file, line, offset, complaint(errors.getString(2)), null));
                }
            }
        }
        return found;
    }

    private static String complaint(String said) {
        return "CSV row: " + said + (said.contains("utf-8") ? " " + Utf8.ANOTHER_ENCODING : "");
    }

    @Override
    public long number() {
        return number;
    }

    @Override
    public CorpusException broken(long offset, String what, Throwable cause) {
        return new CorpusException(file, 0, -1, "row " + number + ": " + what, cause);
    }

    @Override
    public CorpusException wrong(String what) {
        return broken(0, what, null);
    }

    @Override
    public void close() throws IOException {
        close(connection);
        if (copy != null) {
            copy.close();
        }
    }

    private static void close(Connection connection) throws IOException {
        try {
            if (connection != null) {
                connection.close();
            }
        } catch (SQLException e) {
            throw new IOException("DuckDB could not be closed: " + e.getMessage(), e);
        }
    }

    private static IOException unreadable(SQLException e) {
        return new IOException(
                "DuckDB could not read it: "
                        + e.getMessage().lines().findFirst().orElse(""),
                e);
    }

    /** DuckDB takes every path for a glob. */
    private static String path(Path file) {
        return quoted(file.toString().replaceAll("[\\[*?]", "[$0]"));
    }

    private static String quoted(String text) {
        return "'" + text.replace("'", "''") + "'";
    }
}
