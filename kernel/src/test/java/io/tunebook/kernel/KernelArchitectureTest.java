package io.tunebook.kernel;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** The packages of the kernel have no circles, and each knows only what it needs. */
@AnalyzeClasses(packages = "io.tunebook.kernel", importOptions = ImportOption.DoNotIncludeTests.class)
final class KernelArchitectureTest {
    private static final String KERNEL = "io.tunebook.kernel";

    @ArchTest
    static final ArchRule thereAreNoCircles =
            slices().matching(KERNEL + ".(*)..").should().beFreeOfCycles();

    /** The commands are on top: nothing below knows them. */
    @ArchTest
    static final ArchRule theTopIsMainAlone = classes()
            .that()
            .resideInAPackage(KERNEL)
            .and()
            .doNotHaveSimpleName("package-info")
            .should()
            .haveSimpleName("Main");

    @ArchTest
    static final ArchRule nothingKnowsTheTop = noClasses()
            .that()
            .resideInAPackage(KERNEL + ".*..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage(KERNEL);

    /** Frames know no messages, messages no meaning, and what is shown in cells nothing of the rest. */
    @ArchTest
    static final ArchRule frames = standsAlone("zmtp");

    @ArchTest
    static final ArchRule displays = standsAlone("display");

    @ArchTest
    static final ArchRule messages = noClasses()
            .that()
            .resideInAPackage(KERNEL + ".protocol..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    KERNEL + ".display..",
                    KERNEL + ".eval..",
                    KERNEL + ".magic..",
                    KERNEL + ".session..",
                    KERNEL + ".server..");

    /** Java runs without Jupyter: the headless runner uses it so. */
    @ArchTest
    static final ArchRule sessions = noClasses()
            .that()
            .resideInAnyPackage(KERNEL + ".eval..", KERNEL + ".magic..", KERNEL + ".session..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    KERNEL + ".protocol..", KERNEL + ".zmtp..", KERNEL + ".server..", KERNEL + ".install..");

    private static ArchRule standsAlone(String name) {
        String own = KERNEL + "." + name + "..";
        return noClasses()
                .that()
                .resideInAPackage(own)
                .should()
                .dependOnClassesThat(resideInAPackage(KERNEL + "..").and(resideOutsideOfPackage(own)));
    }
}
