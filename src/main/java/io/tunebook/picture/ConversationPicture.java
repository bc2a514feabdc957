package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import java.util.List;

/** What is sent with each question of a conversation: all that was said before, once more. */
final class ConversationPicture {
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
