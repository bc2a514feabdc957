package io.tunebook.kernel.debug;

import java.util.StringJoiner;

/** Types as cells write them, from the signatures of class files. */
final class SourceType {
    private static final String GENERATED = "^REPL\\.\\$JShell\\$\\d+[A-Z]*\\.";
    private final String signature;
    private int at;

    private SourceType(String signature) {
        this.signature = signature;
    }

    /**
     * Such as {@code List<Person>} for {@code Ljava/util/List<LREPL/$JShell$12$Person;>;}, with full names; Object
     * where a type has no name.
     */
    static String of(String signature) {
        return new SourceType(signature).type();
    }

    private String type() {
        char c = signature.charAt(at++);
        return switch (c) {
            case 'B' -> "byte";
            case 'C' -> "char";
            case 'D' -> "double";
            case 'F' -> "float";
            case 'I' -> "int";
            case 'J' -> "long";
            case 'S' -> "short";
            case 'Z' -> "boolean";
            case '[' -> type() + "[]";
            case 'T' -> {
                at = signature.indexOf(';', at) + 1;
                yield "Object";
            }
            default -> reference();
        };
    }

    private String reference() {
        StringBuilder name = new StringBuilder();
        while (true) {
            char c = signature.charAt(at++);
            if (c == ';') {
                String source = source(name.toString());
                return source.matches(".*\\.\\d.*") ? "Object" : source; // a class without a name
            } else if (c == '<') {
                StringJoiner arguments = new StringJoiner(", ", "<", ">");
                while (signature.charAt(at) != '>') {
                    arguments.add(argument());
                }
                at++;
                name.append(arguments);
            } else {
                name.append(c == '/' ? '.' : c);
            }
        }
    }

    private String argument() {
        char c = signature.charAt(at);
        if (c == '*') {
            at++;
            return "?";
        } else if (c == '+' || c == '-') {
            at++;
            return (c == '+' ? "? extends " : "? super ") + type();
        }
        return type();
    }

    /** A class's binary name as source. */
    static String source(String binaryName) {
        String dotted = binaryName.replaceAll("(?<=[^.$])\\$(?=[^$])", ".");
        return dotted.replaceFirst("^REPL\\.\\$JShell\\.(\\d+[A-Z]*)\\.", "").replaceFirst(GENERATED, "");
    }

    /** A class's name for people: without its package. */
    static String brief(Class<?> type) {
        if (type.isArray()) {
            return brief(type.getComponentType()) + "[]";
        }
        String source = source(type.getName());
        return source.startsWith("java.") || !source.contains(".")
                ? source.substring(source.lastIndexOf('.') + 1)
                : source.replaceFirst("^([a-z_][\\w]*\\.)+", "");
    }
}
