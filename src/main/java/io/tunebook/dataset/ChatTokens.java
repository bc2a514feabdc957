package io.tunebook.dataset;

import io.tunebook.data.ChatExample;
import io.tunebook.jinja.TemplateException;
import io.tunebook.tokenizer.ChatTemplate;
import io.tunebook.tokenizer.Thoughts;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Conversations as tokens, written by a chat template, with what became of their thoughts. */
final class ChatTokens {
    /** So much of two texts is shown before the place where they part, and behind it. */
    private static final int SHOWN = 40;

    private final ChatTemplate template;
    private final TokenBuilder builder;
    private final List<Answers> answers = new ArrayList<>();
    private int conversations;
    private int split;

    /**
     * The answers to learn in one example.
     *
     * @param all their number
     * @param thoughts how many of them have a thought
     * @param lost how many of these thoughts the template left out
     */
    record Answers(int all, int thoughts, int lost) {
        static final Answers NONE = new Answers(0, 0, 0);

        Answers plus(Answers other) {
            return new Answers(all + other.all, thoughts + other.thoughts, lost + other.lost);
        }
    }

    ChatTokens(ChatTemplate template) {
        this.template = template;
        this.builder = new TokenBuilder(template.tokenizer().checksum());
    }

    /** @throws IllegalArgumentException if there is nothing to learn, or not what generation asks for */
    void add(ChatExample conversation) {
        List<ChatTemplate.Encoded> whole = new ArrayList<>();
        for (ChatExample example : template.examples(conversation)) {
            whole.add(encoded(example));
        }
        if (whole.isEmpty()) {
            throw nothing(conversation);
        }
        conversations++;
        split += whole.size() > 1 ? 1 : 0;
        for (ChatTemplate.Encoded example : whole) {
            int[] marked = example.ids();
            for (int t = 0; t < marked.length; t++) {
                marked[t] = example.assistant()[t] ? marked[t] : ~marked[t];
            }
            builder.add(marked);
            answers.add(new Answers(example.answers(), example.thoughts(), example.thoughtsLost()));
        }
    }

    private ChatTemplate.Encoded encoded(ChatExample example) {
        ChatTemplate.Encoded encoded;
        try {
            encoded = template.encode(example);
        } catch (TemplateException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
        boolean any = false;
        for (boolean learned : encoded.assistant()) {
            any |= learned;
        }
        if (!any) {
            throw nothing(example);
        }
        boolean asTemplate = template.thoughts().orElse(null) == Thoughts.AS_TEMPLATE;
        if (!asTemplate && !encoded.asGenerated()) {
            throw new IllegalArgumentException(parted(encoded.prompt(), encoded.text()));
        }
        return encoded;
    }

    private static IllegalArgumentException nothing(ChatExample example) {
        return new IllegalArgumentException(
                "expected something that the assistant says, found none, so there is nothing to learn: "
                        + example.messages());
    }

    private static String parted(String prompt, String text) {
        int at = 0;
        while (at < Math.min(prompt.length(), text.length()) && prompt.charAt(at) == text.charAt(at)) {
            at++;
        }
        return "the model would learn an answer that generation never asks for: generation begins it otherwise than"
                + " this model's chat template writes it in training."
                + "\n  generation: " + around(prompt, at)
                + "\n  training:   " + around(text, at)
                + "\nTrain with tokenizer.chatTemplate().forTraining(Thoughts.KEEP), which keeps the thoughts of the"
                + " answers; with forTraining(Thoughts.EMPTY), which gives an answer without a thought an empty one; or"
                + " with forTraining(Thoughts.AS_TEMPLATE), as the template is: Dataset.chat(examples, template)";
    }

    private static String around(String text, int at) {
        int from = Math.max(0, at - SHOWN);
        int to = Math.min(text.length(), at + SHOWN);
        return ((from > 0 ? "…" : "") + text.substring(from, to) + (to < text.length() ? "…" : ""))
                .replace("\n", "\\n");
    }

    Dataset dataset() {
        List<String> notes = new ArrayList<>();
        if (split > 0) {
            notes.add(split + " of " + conversations + " conversations have several answers and became an example for"
                    + " each, since the chat template writes earlier answers otherwise than generation does");
        }
        return Dataset.of(builder.build(), answers, notes);
    }

    /** Gathers examples in memory. */
    static final class TokenBuilder {
        private final String checksum;
        private int[] tokens = new int[1 << 12];
        private int used;
        private long[] ends = new long[64];
        private int examples;

        /** @param checksum of the vocabulary */
        TokenBuilder(String checksum) {
            this.checksum = checksum;
        }

        void add(int[] marked) {
            if (used + marked.length > tokens.length) {
                tokens = Arrays.copyOf(tokens, Math.max(Math.addExact(used, marked.length), tokens.length * 2));
            }
            System.arraycopy(marked, 0, tokens, used, marked.length);
            used += marked.length;
            if (examples == ends.length) {
                ends = Arrays.copyOf(ends, examples * 2);
            }
            ends[examples++] = used;
        }

        TokenFile build() {
            return TokenFile.of(Arrays.copyOf(tokens, used), Arrays.copyOf(ends, examples), checksum);
        }
    }
}
