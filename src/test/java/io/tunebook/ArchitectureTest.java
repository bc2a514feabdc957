package io.tunebook;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Imports point down the house and never up, without an exception by name. */
@AnalyzeClasses(packages = "io.tunebook", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
    private static final String ROOT = "io.tunebook.";

    /** The packages from the top down: each knows only those of lower lines, so that there are no circles. */
    private static final List<List<String>> FLOORS = List.of(
            List.of("chart", "exercise"),
            List.of("picture"),
            List.of("export"),
            List.of("train"),
            List.of("prepare"),
            List.of("ollama.server"),
            List.of("dataset"),
            List.of("lora"),
            List.of("model"),
            List.of("model.family"),
            List.of("tokenizer", "ollama.template"),
            List.of("ollama"),
            List.of("ollama.store"),
            List.of("jinja", "hub"),
            List.of("data", "evaluate"),
            List.of("tensors", "cuda", "ollama.llamacpp", "hosts"),
            List.of("files"));

    @ArchTest
    static final ArchRule importsPointDown = classes()
            .that()
            .resideInAnyPackage(rooms())
            .should(new ArchCondition<>("import only what is below") {
                @Override
                public void check(JavaClass from, ConditionEvents events) {
                    Map<String, Integer> floors = floors();
                    from.getDirectDependenciesFromSelf().forEach(d -> {
                        String here = room(from);
                        String there = room(d.getTargetClass());
                        if (floors.containsKey(there) && !here.equals(there) && floors.get(there) <= floors.get(here)) {
                            events.add(SimpleConditionEvent.violated(d, d.getDescription()));
                        }
                    });
                }
            });

    @ArchTest
    static final ArchRule onlyTheKernelsDisplayIsKnown = noClasses()
            .that()
            .resideInAnyPackage(rooms())
            .should()
            .dependOnClassesThat(resideInAPackage("io.tunebook.kernel..")
                    .and(resideOutsideOfPackage("io.tunebook.kernel.display..")));

    /** The client and the language of templates can be taken out of the house. */
    @ArchTest
    static final ArchRule theyStandAlone = noClasses()
            .that()
            .resideInAnyPackage("io.tunebook.ollama", "io.tunebook.jinja", "io.tunebook.tensors")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.tunebook.tokenizer..", "io.tunebook.model..", "io.tunebook.lora..", "io.tunebook.dataset..");

    /** Every room that has classes is on a floor. */
    @ArchTest
    static final ArchRule everyRoomHasItsFloor = classes()
            .that()
            .resideInAPackage("io.tunebook.*..")
            .and()
            .resideOutsideOfPackage("io.tunebook.kernel..")
            .should()
            .resideInAnyPackage(rooms());

    private static String[] rooms() {
        return floors().keySet().stream().map(r -> ROOT + r).toArray(String[]::new);
    }

    private static Map<String, Integer> floors() {
        Map<String, Integer> floors = new TreeMap<>();
        for (int i = 0; i < FLOORS.size(); i++) {
            for (String room : FLOORS.get(i)) {
                floors.put(room, i);
            }
        }
        return floors;
    }

    private static String room(JavaClass c) {
        String name = c.getPackageName();
        return name.startsWith(ROOT) ? name.substring(ROOT.length()) : name;
    }
}
