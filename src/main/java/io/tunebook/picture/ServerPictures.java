package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;
import java.util.Locale;

/** Draws the pictures of {@link Pictures} on the talk with a model server: who asks whom, and what comes back. */
final class ServerPictures {
    private ServerPictures() {}

    /** Who speaks with whom: a notebook, Java's kernel, a server of models, the model's file. */
    static final class ServersPicture {
        private ServersPicture() {}

        static MimeBundle draw(boolean embedded, Words words) {
            Drawing.Tone ollama = embedded ? Drawing.Tone.PLAIN : Drawing.Tone.ORANGE;
            Drawing.Tone own = embedded ? Drawing.Tone.ORANGE : Drawing.Tone.PLAIN;
            Drawing drawing = new Drawing(720, 190);
            drawing.box(16, 66, 120, 54, Drawing.Tone.BLUE, words.lines("servers.notebook"));
            drawing.arrow(138, 84, 178, 84).arrow(178, 102, 138, 102);
            drawing.box(180, 66, 130, 54, Drawing.Tone.BLUE, words.lines("servers.kernel"));
            drawing.arrow(312, 84, 378, 48).arrow(312, 102, 378, 138);
            drawing.note(372, 30, Drawing.Anchor.END, words.of("servers.api"));
            drawing.box(380, 18, 150, 54, ollama, words.lines("servers.ollama"));
            drawing.box(380, 114, 150, 54, own, words.lines("servers.embedded"));
            drawing.arrow(532, 48, 568, 78).arrow(532, 138, 568, 108);
            drawing.box(570, 66, 134, 54, Drawing.Tone.GREEN, words.lines("servers.file"));
            return drawing.bundle(
                    words.of("servers.title"),
                    words.of(embedded ? "servers.description.here" : "servers.description.there"));
        }
    }

    /** The pieces of a streamed answer over time: each stands where it arrived, a row below the one before. */
    static final class StreamPicture {
        private static final int SHOWN = 14;
        private static final int ROW = 19;

        private StreamPicture() {}

        static MimeBundle draw(List<String> pieces, List<Long> milliseconds, Words words) {
            if (pieces.isEmpty() || pieces.size() != milliseconds.size()) {
                throw new IllegalArgumentException("expected as many times as pieces and at least one, found "
                        + milliseconds.size() + " and " + pieces.size());
            }
            int shown = Math.min(SHOWN, pieces.size());
            long first = milliseconds.get(0);
            double span = Math.max(1, milliseconds.get(shown - 1) - first);
            Drawing drawing = new Drawing(720, 70 + shown * ROW);
            for (int i = 0; i < shown; i++) {
                double x = 90 + 480 * (milliseconds.get(i) - first) / span;
                double y = 16 + i * ROW;
                drawing.note(80, y + 13, Drawing.Anchor.END, words.of("stream.time", milliseconds.get(i)));
                drawing.line(90, y + 9, x, y + 9);
                String piece = Drawing.cut(pieces.get(i).replace("\n", "⏎"), 12, 110);
                drawing.cell(x, y, Math.max(24, Drawing.textWidth(piece, 12) + 10), ROW - 3, Drawing.Tone.BLUE, piece);
            }
            double bottom = 24 + shown * ROW;
            drawing.arrow(90, bottom, 600, bottom);
            drawing.note(610, bottom + 4, Drawing.Anchor.START, words.of("stream.axis"));
            drawing.note(90, bottom + 24, Drawing.Anchor.START, words.of("stream.note", shown, pieces.size()));
            return drawing.bundle(
                    words.of("stream.title"),
                    words.of(
                            "stream.description",
                            shown,
                            pieces.size(),
                            first,
                            milliseconds.get(shown - 1),
                            String.join("|", pieces.subList(0, shown)).replace("\n", "⏎")));
        }
    }

    /** What is sent with each question of a conversation: all that was said before, once more. */
    static final class ConversationPicture {
        private static final int WIDTH = 210;
        private static final int ROW = 34;

        private ConversationPicture() {}

        static MimeBundle draw(List<String> turns, Words words) {
            int requests = (turns.size() + 1) / 2;
            if (requests < 1 || requests > 4) {
                throw new IllegalArgumentException("expected 1 to 8 turns, found " + turns.size());
            }
            Drawing drawing = new Drawing(Math.max(480, 24 + requests * (WIDTH + 16)), 60 + turns.size() * ROW);
            for (int r = 0; r < requests; r++) {
                double x = 16 + r * (WIDTH + 16);
                drawing.head(x, 28, Drawing.Anchor.START, words.of("conversation.request", r + 1));
                for (int t = 0; t <= 2 * r && t < turns.size(); t++) {
                    boolean user = t % 2 == 0;
                    String who = words.of(user ? "conversation.user" : "conversation.assistant");
                    drawing.cell(
                            x,
                            40 + t * ROW,
                            WIDTH,
                            ROW - 6,
                            user ? Drawing.Tone.BLUE : Drawing.Tone.GREEN,
                            Drawing.cut(who + ": " + turns.get(t).replace("\n", " "), 12, WIDTH - 10));
                }
            }
            return drawing.bundle(
                    words.of("conversation.title"),
                    words.of("conversation.description", requests, String.join(" / ", turns)));
        }
    }

    /** The chances of a few words at several temperatures, a panel of bars for each temperature. */
    static final class TemperaturePicture {
        private static final int PANEL = 240;
        private static final int ROW = 24;

        private TemperaturePicture() {}

        static MimeBundle draw(List<String> tokens, double[] scores, double[] temperatures, Words words) {
            if (tokens.size() != scores.length || scores.length == 0 || temperatures.length == 0) {
                throw new IllegalArgumentException("expected a score for each word and at least one of each, found "
                        + tokens.size() + " words, " + scores.length + " scores and " + temperatures.length
                        + " temperatures");
            }
            Drawing drawing = new Drawing(24 + temperatures.length * PANEL, 60 + scores.length * ROW);
            StringBuilder said = new StringBuilder();
            for (int t = 0; t < temperatures.length; t++) {
                double x = 16 + t * PANEL;
                String name = words.of("temperature.panel", temperatures[t]);
                drawing.head(x, 28, Drawing.Anchor.START, name);
                said.append(t == 0 ? "" : "; ").append(name).append(':');
                double[] chances = chances(scores, temperatures[t]);
                for (int i = 0; i < chances.length; i++) {
                    double y = 42 + i * ROW;
                    drawing.text(
                            x,
                            y + 13,
                            12,
                            Drawing.Anchor.START,
                            Drawing.INK,
                            false,
                            Drawing.cut(tokens.get(i), 12, 68));
                    drawing.bar(x + 72, y, 90 * chances[i], ROW - 8, Drawing.Tone.BLUE);
                    String percent = String.format(Locale.ROOT, "%.1f %%", 100 * chances[i]);
                    drawing.note(x + 76 + 90 * chances[i], y + 12, Drawing.Anchor.START, percent);
                    said.append(' ').append(tokens.get(i)).append(' ').append(percent);
                }
            }
            return drawing.bundle(words.of("temperature.title"), said.toString());
        }

        /**
         * The softmax of scores over a temperature; at 0 all goes to the highest.
         *
         * @param scores the model's logits, in nats
         * @param temperature not negative
         * @return the chances, which add up to 1
         */
        static double[] chances(double[] scores, double temperature) {
            int best = 0;
            for (int i = 1; i < scores.length; i++) {
                best = scores[i] > scores[best] ? i : best;
            }
            double[] chances = new double[scores.length];
            double sum = 0;
            for (int i = 0; i < scores.length; i++) {
                chances[i] =
                        temperature == 0 ? (i == best ? 1 : 0) : Math.exp((scores[i] - scores[best]) / temperature);
                sum += chances[i];
            }
            for (int i = 0; i < scores.length; i++) {
                chances[i] /= sum;
            }
            return chances;
        }
    }

    /**
     * The two roads of an adapter into Ollama: merged into one file, which always works, or beside the model, where the
     * server takes it.
     */
    static final class RoadsPicture {
        private RoadsPicture() {}

        static MimeBundle draw(Words words) {
            Drawing drawing = new Drawing(720, 200);
            drawing.box(16, 24, 130, 48, Drawing.Tone.BLUE, words.lines("roads.model"));
            drawing.box(16, 128, 130, 48, Drawing.Tone.ORANGE, words.lines("roads.adapter"));
            drawing.arrow(148, 48, 218, 48).arrow(148, 140, 218, 62);
            drawing.box(220, 24, 150, 48, Drawing.Tone.GREEN, words.lines("roads.merged"));
            drawing.arrow(148, 152, 218, 152);
            drawing.box(220, 128, 150, 48, Drawing.Tone.PLAIN, words.lines("roads.both"));
            drawing.arrow(372, 48, 438, 88).arrow(372, 152, 438, 112);
            drawing.box(440, 76, 120, 48, Drawing.Tone.BLUE, words.lines("roads.ollama"));
            drawing.arrow(562, 100, 598, 100);
            drawing.box(600, 76, 104, 48, Drawing.Tone.GREEN, words.lines("roads.answer"));
            return drawing.bundle(words.of("roads.title"), words.of("roads.description"));
        }
    }
}
