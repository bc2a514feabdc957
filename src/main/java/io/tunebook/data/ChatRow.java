package io.tunebook.data;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** A row of a file as a conversation, whatever form it has. */
final class ChatRow {
    private static final List<String> TURNS = List.of("messages", "conversations", "conversation");
    /** The names of a question in the files that people publish; {@code input} counts where no other is there. */
    private static final List<String> QUESTIONS =
            List.of("prompt", "instruction", "query", "question", "problem", "user", "human");

    private static final List<String> ANSWERS =
            List.of("completion", "output", "response", "answer", "target", "solution", "assistant", "gpt");
    private static final List<String> CONTEXTS = List.of("input", "context");
    private static final List<String> SYSTEMS = List.of("system", "system_prompt");
    private static final String KNOWN_FORMS =
            "expected messages (OpenAI), conversations (ShareGPT), instruction and output (Alpaca), prompt and"
                    + " completion, or query and response. Name the fields that hold them:"
                    + " Corpus.open(file).columns(Map.of(\"prompt\", \"its question\", \"completion\", \"its answer\"))";

    private ChatRow() {}

    /** @throws WrongRow if it is no conversation, or one that nothing can be learned from */
    static ChatExample read(Map<String, ?> row) throws WrongRow {
        refuseBadAnswers(row);
        List<Message> messages = messages(row);
        Turns.check(messages);
        return new ChatExample(messages, ToolCalls.tools(row.get("tools")));
    }

    private static void refuseBadAnswers(Map<String, ?> row) throws WrongRow {
        Object label = row.get("label");
        if (Boolean.FALSE.equals(label) || "false".equalsIgnoreCase(String.valueOf(label))) {
            throw new WrongRow(
                    "label",
                    "expected a good answer, found false: preference data marks bad answers so."
                            + " Leave these rows out with onError(SKIP)");
        }
        if (row.containsKey("rejected") && row.containsKey("chosen")) {
            String way = row.get("chosen") instanceof List
                    ? "\"messages\", \"chosen\""
                    : (row.containsKey("prompt") ? "\"prompt\", \"prompt\", " : "\"prompt\", \"its question\", ")
                            + "\"completion\", \"chosen\"";
            throw new WrongRow(
                    "fields " + row.keySet(),
                    "this is preference data. To learn the chosen answers: Corpus.open(file).columns(Map.of(" + way
                            + "))");
        }
    }

    private static List<Message> messages(Map<String, ?> row) throws WrongRow {
        List<Message> messages = new ArrayList<>();
        for (String field : TURNS) {
            Object turns = row.get(field) instanceof String text ? ToolCalls.read(text) : row.get(field);
            if (turns instanceof List<?> list) {
                Turns.read(list, field, messages);
                List<Message> before = new ArrayList<>();
                if (messages.isEmpty() || !messages.get(0).role().equals("system")) {
                    system(row, before);
                }
                before.addAll(messages);
                return before;
            }
        }
        List<String> questions = present(QUESTIONS, row);
        if (questions.isEmpty() && row.get("input") != null) {
            questions = List.of("input");
        }
        List<String> answers = present(ANSWERS, row);
        if (questions.isEmpty() || answers.isEmpty()) {
            for (String field : row.keySet()) {
                boolean expected = questions.isEmpty() ? QUESTIONS.contains(field) : ANSWERS.contains(field);
                if (expected) {
                    throw new WrongRow(field, "expected a text, found none");
                }
            }
            throw new WrongRow("fields " + row.keySet(), KNOWN_FORMS);
        }
        if (questions.size() > 1 || answers.size() > 1) {
            throw new WrongRow(
                    "fields " + row.keySet(),
                    "expected one question and one answer, found "
                            + (questions.size() > 1 ? questions : answers)
                            + ". Name those to take: Corpus.open(file).columns(Map.of(\"prompt\", \""
                            + questions.get(0) + "\", \"completion\", \"" + answers.get(0) + "\"))");
        }
        system(row, messages);
        history(row.get("history"), messages);
        question(row, questions.get(0), messages);
        answer(row, answers.get(0), messages);
        return messages;
    }

    private static List<String> present(List<String> names, Map<String, ?> row) {
        return names.stream().filter(name -> row.get(name) != null).collect(Collectors.toList());
    }

    private static void question(Map<String, ?> row, String field, List<Message> messages) throws WrongRow {
        if (row.get(field) instanceof List<?> turns) {
            int from = messages.size();
            Turns.read(turns, field, messages);
            // What the assistant says in the question is context.
            for (int i = from; i < messages.size(); i++) {
                Message turn = messages.get(i);
                if (turn.role().equals("assistant")) {
                    Map<String, Object> more = ToolCalls.map(turn.more());
                    more.put("weight", 0);
                    messages.set(i, new Message(turn.role(), turn.content(), more));
                }
            }
            return;
        }
        StringBuilder question = new StringBuilder(Turns.text(row.get(field), field));
        for (String context : CONTEXTS) {
            if (!context.equals(field) && row.get(context) != null) {
                String text = Turns.text(row.get(context), context);
                question.append(text.isBlank() ? "" : "\n" + text);
            }
        }
        messages.add(Message.user(question.toString()));
    }

    private static void answer(Map<String, ?> row, String field, List<Message> messages) throws WrongRow {
        if (row.get(field) instanceof List<?> turns) {
            Turns.read(turns, field, messages);
            return;
        }
        Map<String, Object> more = ToolCalls.map(Map.of());
        for (String name : Message.THOUGHTS) {
            if (row.get(name) instanceof String thought && more.isEmpty()) {
                more.put(Message.THOUGHTS.get(0), thought);
            }
        }
        messages.add(new Message("assistant", Turns.text(row.get(field), field), more));
    }

    private static void history(Object value, List<Message> messages) throws WrongRow {
        Object read = value instanceof String text ? ToolCalls.read(text) : value;
        if (!(read instanceof List<?> history)) {
            return;
        }
        for (int i = 0; i < history.size(); i++) {
            String where = "history[" + i + "]";
            if (!(history.get(i) instanceof List<?> pair) || pair.size() != 2) {
                throw new WrongRow(where, "expected a pair of question and answer, found " + history.get(i));
            }
            messages.add(Message.user(Turns.text(pair.get(0), where + "[0]")));
            messages.add(Message.assistant(Turns.text(pair.get(1), where + "[1]")));
        }
    }

    private static void system(Map<String, ?> row, List<Message> messages) throws WrongRow {
        for (String name : SYSTEMS) {
            if (messages.isEmpty()
                    && row.get(name) != null
                    && !row.get(name).toString().isBlank()) {
                messages.add(Message.system(Turns.text(row.get(name), name)));
            }
        }
    }

    /** Other names for the fields of a row, given by the one who knows the file. */
    @FunctionalInterface
    interface Columns {
        /** Fields that mean the same under every name of the others. */
        Set<String> KEPT = Set.of("tools", "system", "label", "id");

        /**
         * The row under the names that are known here.
         *
         * @return null to leave the row out
         * @throws WrongRow if it lacks a field
         */
        Map<String, Object> apply(Map<String, Object> row) throws WrongRow;

        /**
         * Takes these fields alone, besides those that mean the same everywhere: none is taken for an answer by chance.
         */
        static Columns named(Map<String, String> names) {
            Map<String, String> known = new LinkedHashMap<>(names);
            return row -> {
                Map<String, Object> renamed = new LinkedHashMap<>();
                for (Map.Entry<String, String> name : known.entrySet()) {
                    if (!row.containsKey(name.getValue())) {
                        throw new WrongRow(
                                "columns",
                                "expected a field \"" + name.getValue() + "\" for " + name.getKey() + ", found "
                                        + row.keySet());
                    }
                    renamed.put(name.getKey(), row.get(name.getValue()));
                }
                for (String same : KEPT) {
                    if (row.containsKey(same) && !known.containsValue(same)) {
                        renamed.putIfAbsent(same, row.get(same));
                    }
                }
                return renamed;
            };
        }
    }

    /** Says where in a row something is wrong, and what. */
    static final class WrongRow extends Exception {
        private static final long serialVersionUID = 1;

        WrongRow(String where, String what) {
            super(where.isEmpty() ? what : where + ": " + what);
        }
    }
}
