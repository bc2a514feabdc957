package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import tech.tablesaw.api.Row;
import tech.tablesaw.api.Table;

/** The files of a prepared corpus: what stayed, the order that it was put into, and a box for each file. */
final class ShardsPicture {
    private static final int ROW = 52;
    private static final int MOST = 12;

    private ShardsPicture() {}

    static MimeBundle draw(Table shards, Words words) {
        int files = shards.rowCount();
        if (files == 0 || files > MOST) {
            throw new IllegalArgumentException("expected 1 to " + MOST + " files, a box each, found " + files);
        }
        int height = Math.max(110, 24 + files * ROW);
        double middle = height / 2.0;
        Drawing drawing = new Drawing(760, height);
        long documents = 0;
        List<String> said = new ArrayList<>();
        for (Row row : shards) {
            documents += row.getLong("documents");
        }
        drawing.box(12, middle - 26, 130, 52, Drawing.Tone.GREEN, words.lines("shards.stayed", grouped(documents)));
        drawing.arrow(144, middle, 172, middle);
        drawing.box(174, middle - 26, 150, 52, Drawing.Tone.BLUE, words.lines("shards.order"));
        for (Row row : shards) {
            double y = 14 + said.size() * ROW;
            String name = row.getString("file");
            String holds = words.of("shards.file", grouped(row.getLong("documents")), grouped(row.getLong("tokens")));
            drawing.arrow(326, middle, 398, y + 21);
            Drawing.Tone tone = name.startsWith("heldout") ? Drawing.Tone.ORANGE : Drawing.Tone.PLAIN;
            drawing.box(400, y, 346, 42, tone, name, holds);
            said.add(name + ": " + holds);
        }
        return drawing.bundle(
                words.of("shards.title"),
                words.of("shards.description", grouped(documents), files, String.join("; ", said)));
    }

    private static String grouped(long number) {
        return String.format(Locale.ROOT, "%,d", number);
    }
}
