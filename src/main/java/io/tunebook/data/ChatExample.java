package io.tunebook.data;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * One conversation to learn from.
 *
 * @param messages the turns in their order, never empty
 * @param tools the functions that the assistant may call, as JSON schema in OpenAI's form; often none
 */
public record ChatExample(List<Message> messages, List<Map<String, Object>> tools) {
    public ChatExample {
        messages = List.copyOf(messages);
        tools = List.copyOf(tools);
        if (messages.isEmpty()) {
            throw new IllegalArgumentException("expected at least one message, found none");
        }
    }

    public ChatExample(List<Message> messages) {
        this(messages, List.of());
    }

    public static ChatExample of(Message... messages) {
        return new ChatExample(List.of(messages));
    }

    /**
     * The same conversation with one text in place of another in every message, such as a name for {@code {{name}}}.
     */
    public ChatExample replace(String text, String by) {
        return new ChatExample(
                messages.stream()
                        .map(m -> new Message(m.role(), m.content().replace(text, by), m.more()))
                        .toList(),
                tools);
    }

    /**
     * The conversations of a file, or of all files below a folder: JSON lines, a JSON array, CSV or Parquet,
     * compressed or not. Each row tells by its fields which form it has:
     *
     * <ul>
     *   <li>OpenAI: {@code messages} with {@code role} and {@code content}
     *   <li>ShareGPT: {@code conversations} with {@code from} and {@code value}, or with pairs of {@code human} and
     *       {@code assistant}; perhaps {@code system}
     *   <li>Alpaca: {@code instruction}, {@code output}, perhaps {@code input}, {@code system} and {@code history};
     *       instruction and input are joined by a line break
     *   <li>{@code prompt} and {@code completion}, as texts or as lists of messages; only the completion is learned
     *   <li>a question and an answer under other usual names: {@code query}, {@code question}, {@code problem},
     *       {@code input}; {@code response}, {@code answer}, {@code target}, {@code solution}. Where two names of one
     *       kind are there, {@link Corpus#columns} says which to take.
     * </ul>
     *
     * <p>Beside them may stand {@code tools}, a list or its JSON as a text. Calls are {@code tool_calls} of a message,
     * whose arguments may be JSON as a text, {@code function_call} of a message, or ShareGPT's turns
     * {@code function_call} and {@code observation}. A thought is {@code reasoning_content}, {@code thinking} or
     * {@code reasoning} of a message, or {@code <think>…</think>} at the head of its text. A turn with {@code weight},
     * {@code loss_weight} or {@code loss_mask} 0 or {@code train} false is not learned.
     *
     * <p>A conversation must have known roles, questions and answers that are not blank (beside a call they may be), a
     * system message only at its start and an answer of the assistant at its end. Preference data is refused.
     *
     * @throws CorpusException if rows are broken or incomplete; it says which, with the index of the example (counted
     *     from 0) and of the message, and lists the first ten
     * @throws IOException if nothing is there
     */
    public static List<ChatExample> read(Path file) throws IOException {
        return from(Corpus.open(file));
    }

    /**
     * The conversations of a corpus, in the forms that {@link #read} knows, with what was said of it: its files'
     * encoding, other names of columns, steps such as {@link Corpus#filter}, and what to do about wrong rows.
     *
     * <pre>{@code
     * var corpus = Corpus.open("chats/*.jsonl").charset("GBK").onError(Corpus.OnError.SKIP);
     * var examples = ChatExample.from(corpus);
     * corpus.problems()   // which rows were left out, and why
     * }</pre>
     *
     * @throws CorpusException if rows are broken or incomplete, unless {@link Corpus.OnError#SKIP} was said
     */
    public static List<ChatExample> from(Corpus corpus) {
        List<ChatExample> examples = new ArrayList<>();
        corpus.forEachChat(examples::add);
        return examples;
    }
}
