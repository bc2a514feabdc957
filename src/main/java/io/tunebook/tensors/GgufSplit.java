package io.tunebook.tensors;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The parts of a split GGUF, as llama.cpp's {@code llama-gguf-split} names and numbers them: {@code NAME-00001-of-00003.gguf} with
 * {@code split.no} from 0, {@code split.count} and {@code split.tensors.count} in each part, and the model's metadata in the first.
 */
final class GgufSplit {
    private static final Pattern NAME = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");
    private static final int MOST = 99_999;

    private GgufSplit() {}

    /**
     * Opens a file, and with it all parts that belong to it.
     *
     * @return the file alone, or the parts in their order
     * @throws ModelFormatException if a part is missing or does not belong to the others
     */
    static List<GgufPart> open(Path path) throws IOException {
        List<GgufPart> parts = new ArrayList<>();
        GgufPart asked = GgufPart.open(path);
        parts.add(asked);
        try {
            long count = number(asked, "split.count", 1);
            if (count == 1) {
                return parts;
            }
            Matcher name = NAME.matcher(path.getFileName().toString());
            if (count < 1 || count > MOST || !name.matches() || Long.parseLong(name.group(3)) != count) {
                throw new ModelFormatException(
                        path,
                        "is one of the " + count + " parts of a split GGUF, whose names end in -00001-of-"
                                + padded(count) + ".gguf: give all parts the names that they had");
            }
            long own = Long.parseLong(name.group(2)) - 1;
            parts.clear();
            for (int i = 0; i < count; i++) {
                Path sibling =
                        path.resolveSibling(name.group(1) + "-" + padded(i + 1L) + "-of-" + padded(count) + ".gguf");
                parts.add(i == own ? asked : opened(sibling, i, count));
                check(parts.get(i), i, count);
            }
            if (!parts.contains(asked)) {
                asked.close();
                throw new ModelFormatException(path, "there is no part " + (own + 1) + " of " + count);
            }
            long expected = number(asked, "split.tensors.count", -1);
            long found = parts.stream()
                    .mapToLong(p -> p.tensors.size() + p.unread.size())
                    .sum();
            if (expected >= 0 && found != expected) {
                throw new ModelFormatException(
                        path,
                        "expected " + expected + " tensors in the " + count
                                + " parts, as split.tensors.count says, found " + found
                                + ": the parts are of more than one model");
            }
            return parts;
        } catch (Throwable failure) {
            asked.close();
            for (GgufPart part : parts) {
                part.close();
            }
            throw failure;
        }
    }

    private static GgufPart opened(Path sibling, int i, long count) throws IOException {
        if (!Files.exists(sibling)) {
            throw new NoSuchFileException(
                    sibling.toString(),
                    null,
                    "part " + (i + 1) + " of the " + count
                            + " parts of a split GGUF is missing: download it into this folder");
        }
        return GgufPart.open(sibling);
    }

    private static void check(GgufPart part, int i, long count) throws IOException {
        long no = number(part, "split.no", -1);
        long of = number(part, "split.count", 1);
        if (no != i || of != count) {
            throw new ModelFormatException(
                    part.path(),
                    "expected part " + (i + 1) + " of " + count + " as the file's name says, found split.no " + no
                            + " (counted from 0) and split.count " + of);
        }
    }

    private static long number(GgufPart part, String key, long otherwise) {
        return part.metadata().get(key) instanceof Long n ? n : otherwise;
    }

    private static String padded(long number) {
        return String.format(Locale.ROOT, "%05d", number);
    }
}
