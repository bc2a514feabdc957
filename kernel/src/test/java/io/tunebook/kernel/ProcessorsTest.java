package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Annotation processors in cells: {@code %processors on}. */
@WithKernel
public class ProcessorsTest {
    private static final String LOMBOK = "org.projectlombok:lombok:1.18.42";

    private static WireKernel.Answer ok(WireKernel kernel, String code) {
        WireKernel.Answer answer = kernel.execute(code);
        assertThat(answer.status()).as(code + "\n" + answer.traceback()).isEqualTo("ok");
        return answer;
    }

    /** Lombok changes the class that it finds. */
    @Test
    void lombokWritesWhatItsAnnotationsSay(WireKernel kernel) {
        ok(kernel, "%maven " + LOMBOK);
        String person = "import lombok.*;\n@Data @AllArgsConstructor class Person { private String name; int age; }";
        ok(kernel, person);
        assertThat(kernel.execute("new Person(\"Ada\", 36)").status())
                .as("processors are off at first")
                .isEqualTo("error");
        ok(kernel, "%processors on");
        ok(kernel, person);
        ok(kernel, "var ada = new Person(\"Ada\", 36);");
        assertThat(ok(kernel, "ada.setAge(37); ada.getName() + \" \" + ada.getAge()")
                        .result())
                .isEqualTo("Ada 37");
        assertThat(ok(kernel, "ada").result()).contains("Person(name=Ada, age=37)");
        ok(kernel, "@Builder record Point(int x, int y) {}");
        assertThat(ok(kernel, "Point.builder().x(1).y(2).build()").result()).isEqualTo("Point[x=1, y=2]");
        // All else is as before: imports, methods, forward references, errors.
        ok(kernel, "import java.util.function.*;\nint twice(int n) { return once(n) + once(n); }");
        ok(kernel, "int once(int n) { return n; }");
        assertThat(ok(kernel, "twice(21)").result()).isEqualTo("42");
        assertThat(kernel.execute("class Wrong { int f() { return \"text\"; } }")
                        .traceback())
                .contains("incompatible types");
        assertThat(ok(kernel, "ada.getAge()").result()).isEqualTo("37");
    }

    /** One that makes a class of its own, as a file beside the one that it finds. */
    @Test
    void aProcessorMakesAClass(WireKernel kernel, @TempDir Path folder) throws IOException {
        Path library = processor(folder);
        ok(kernel, "%classpath " + library);
        ok(kernel, "%processors on");
        ok(kernel, "package com.mine;\n@test.Marked public class Thing {}");
        assertThat(ok(kernel, "new com.mine.ThingMade().says()").result()).isEqualTo("made for com.mine.Thing");
        WireKernel.Answer broken = kernel.execute("package com.mine;\n@test.Marked public class Broken {}");
        assertThat(broken.status()).isEqualTo("error");
        assertThat(broken.traceback()).contains("the compiler cannot compile this", "broken on purpose");
        assertThat(ok(kernel, "new com.mine.ThingMade().says()").result()).isEqualTo("made for com.mine.Thing");
        ok(kernel, "%processors off");
        assertThat(kernel.execute("%processors maybe").traceback()).contains("on or off");
    }

    /** In a cell of its own, which goes to JShell: the compiler falls, the cell says why, and the session goes on. */
    @Test
    void aProcessorThatFallsFailsItsCellAlone(WireKernel kernel, @TempDir Path folder) throws IOException {
        ok(kernel, "int kept = 7;");
        ok(kernel, "%classpath " + processor(folder));
        ok(kernel, "%processors on");
        for (String cell : List.of("@test.Marked class Broken {}", "1 + 1;\n@test.Marked record Broken(int a) {}")) {
            WireKernel.Answer broken = kernel.execute(cell);
            assertThat(broken.status()).isEqualTo("error");
            assertThat(broken.error()).as("what is published").isNotNull();
            assertThat(broken.traceback())
                    .contains("Cell[", "broken on purpose")
                    .doesNotContain("$JShell$");
            assertThat(ok(kernel, "kept + 1").result()).isEqualTo("8");
        }
        ok(kernel, "%processors off");
        ok(kernel, "class Broken { int whole = 3; }");
        assertThat(ok(kernel, "new Broken().whole + kept").result()).isEqualTo("10");
    }

    /**
     * Adds {@code says()} in a class of its own beside each class with the annotation {@code test.Marked}; what is
     * called Broken it cannot bear.
     */
    public static Path processor(Path folder) throws IOException {
        Path library = TestLibrary.classes(folder, "package test; public @interface Marked {}", """
                package test;
                import java.util.Set;
                import javax.annotation.processing.*;
                import javax.lang.model.SourceVersion;
                import javax.lang.model.element.*;
                @SupportedAnnotationTypes("test.Marked")
                public class Maker extends AbstractProcessor {
                    @Override public SourceVersion getSupportedSourceVersion() { return SourceVersion.latest(); }
                    @Override public boolean process(Set<? extends TypeElement> all, RoundEnvironment round) {
                        for (Element e : round.getElementsAnnotatedWith(Marked.class)) {
                            String name = ((TypeElement) e).getQualifiedName().toString();
                            if (name.endsWith("Broken")) throw new IllegalStateException("broken on purpose");
                            try (var out = processingEnv.getFiler().createSourceFile(name + "Made", e).openWriter()) {
                                out.write("package com.mine; public class " + e.getSimpleName() + "Made { public String says() {"
                                        + " return \\"made for " + name + "\\"; } }");
                            } catch (java.io.IOException x) {
                                throw new IllegalStateException(x);
                            }
                        }
                        return false;
                    }
                }
                """);
        TestLibrary.service(library, "javax.annotation.processing.Processor", "test.Maker");
        return library;
    }
}
