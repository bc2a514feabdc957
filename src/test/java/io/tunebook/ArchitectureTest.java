package io.tunebook;

import static com.tngtech.archunit.base.DescribedPredicate.alwaysTrue;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleNameStartingWith;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Imports point down the house and never up. */
@AnalyzeClasses(packages = "io.tunebook", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
    @ArchTest
    static final ArchRule importsPointDown = layeredArchitecture()
            .consideringOnlyDependenciesInAnyPackage("io.tunebook..")
            .withOptionalLayers(true)
            .layer("exercise")
            .definedBy("io.tunebook.exercise..")
            .layer("chart")
            .definedBy("io.tunebook.chart..")
            .layer("train")
            .definedBy("io.tunebook.train..")
            .layer("export")
            .definedBy("io.tunebook.export..")
            .layer("lora")
            .definedBy("io.tunebook.lora..")
            .layer("model")
            .definedBy("io.tunebook.model..")
            .layer("ollama")
            .definedBy("io.tunebook.ollama..")
            .layer("tokenizer")
            .definedBy("io.tunebook.tokenizer..")
            .layer("hub")
            .definedBy("io.tunebook.hub..")
            .layer("data")
            .definedBy("io.tunebook.data..")
            .layer("gguf")
            .definedBy("io.tunebook.gguf..")
            .whereLayer("exercise")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("chart")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("export")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("train")
            .mayOnlyBeAccessedByLayers("chart", "exercise")
            .whereLayer("lora")
            .mayOnlyBeAccessedByLayers("train", "export", "chart", "exercise")
            .whereLayer("model")
            .mayOnlyBeAccessedByLayers("lora", "train", "export", "chart", "exercise")
            .whereLayer("tokenizer")
            .mayOnlyBeAccessedByLayers("model", "lora", "train", "export", "chart", "exercise", "ollama")
            .whereLayer("data")
            .mayOnlyBeAccessedByLayers(
                    "hub", "tokenizer", "model", "lora", "train", "export", "chart", "exercise", "ollama")
            .whereLayer("hub")
            .mayOnlyBeAccessedByLayers("tokenizer", "model", "lora", "train", "export", "chart", "exercise");

    /** But for the server in the same JVM, which stands above the packages that its package serves. */
    @ArchTest
    static final ArchRule noPackageKnowsItself = slices().matching("io.tunebook.(*)..")
            .should()
            .beFreeOfCycles()
            .ignoreDependency(simpleNameStartingWith("EmbeddedOllama"), alwaysTrue());

    @ArchTest
    static final ArchRule onlyTheKernelsDisplayIsKnown = noClasses()
            .that()
            .resideInAnyPackage(
                    "io.tunebook.chart..",
                    "io.tunebook.data..",
                    "io.tunebook.exercise..",
                    "io.tunebook.export..",
                    "io.tunebook.gguf..",
                    "io.tunebook.hub..",
                    "io.tunebook.lora..",
                    "io.tunebook.model..",
                    "io.tunebook.ollama..",
                    "io.tunebook.tokenizer..",
                    "io.tunebook.train..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.tunebook.kernel",
                    "io.tunebook.kernel.protocol..",
                    "io.tunebook.kernel.eval..",
                    "io.tunebook.kernel.magic..",
                    "io.tunebook.kernel.notebook..",
                    "io.tunebook.kernel.install..");

    /** The server in the same JVM alone may use what stands above the client: chat templates. */
    @ArchTest
    static final ArchRule theOllamaClientStandsAlone = noClasses()
            .that()
            .resideInAPackage("io.tunebook.ollama..")
            .and()
            .haveSimpleNameNotStartingWith("EmbeddedOllama")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.tunebook.tokenizer..", "io.tunebook.model..", "io.tunebook.train..");
}
