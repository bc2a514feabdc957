package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Encoding;
import io.tunebook.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/** The one string that a chat template writes: special tokens framed, what is learned coloured. */
final class TemplatePicture {
    private static final int WIDTH = 740;
    private static final int ROW = 30;

    /** A stretch of tokens of one kind. */
    private record Run(String text, Drawing.Tone tone, boolean endsLine) {}

    private TemplatePicture() {}

    static MimeBundle draw(ChatTemplate.Encoded conversation, Tokenizer tokenizer, Words words) {
        List<Run> runs = runs(conversation, tokenizer);
        int lines = 1 + (int) runs.stream().filter(Run::endsLine).count();
        Drawing d = new Drawing(WIDTH, lines * ROW + 44);
        double x = 14;
        double y = 12;
        for (Run run : runs) {
            String shown = run.text().replace("\n", "↵");
            double w = Math.min(Drawing.textWidth(shown, 13) + 12, WIDTH - 14 - x);
            d.box(x, y, w, 24, run.tone(), Drawing.cut(shown, 13, Math.max(30, w - 8)));
            x += w + 3;
            if (run.endsLine()) {
                x = 14;
                y += ROW;
            }
        }
        double last = lines * ROW + 20;
        d.bar(14, last, 14, 14, Drawing.Tone.ORANGE)
                .note(34, last + 11, Drawing.Anchor.START, words.of("template.special"));
        d.bar(200, last, 14, 14, Drawing.Tone.PLAIN)
                .note(220, last + 11, Drawing.Anchor.START, words.of("template.read"));
        d.bar(386, last, 14, 14, Drawing.Tone.GREEN)
                .note(406, last + 11, Drawing.Anchor.START, words.of("template.learned"));
        return d.bundle(words.of("template.title"), words.of("template.description", conversation.text()));
    }

    private static List<Run> runs(ChatTemplate.Encoded conversation, Tokenizer tokenizer) {
        Encoding tokens = tokenizer.encode(conversation.text(), false);
        List<Run> runs = new ArrayList<>();
        for (int i = 0; i < tokens.length(); i++) {
            boolean special = tokenizer.isSpecial(tokens.ids()[i]);
            boolean learned = conversation.assistant()[i];
            Drawing.Tone tone = learned ? Drawing.Tone.GREEN : special ? Drawing.Tone.ORANGE : Drawing.Tone.PLAIN;
            String piece = conversation.text().substring(tokens.starts()[i], tokens.ends()[i]);
            Run before = runs.isEmpty() ? null : runs.get(runs.size() - 1);
            boolean same = before != null && before.tone() == tone && !before.endsLine() && !special;
            Run run = new Run((same ? before.text() : "") + piece, tone, piece.endsWith("\n"));
            if (same) {
                runs.set(runs.size() - 1, run);
            } else {
                runs.add(run);
            }
        }
        return runs;
    }
}
