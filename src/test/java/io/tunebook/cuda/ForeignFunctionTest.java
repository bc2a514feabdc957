package io.tunebook.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import io.tunebook.cuda.ForeignLibrary.Libtorch;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

final class ForeignFunctionTest {
    @BeforeAll
    static void loadPyTorch() {
        Engine.getInstance();
    }

    /** The numbers are those that PyTorch's libraries of these versions answer. */
    @Test
    void versionsAreReadFromTheirNumber() {
        Libtorch old = Libtorch.of(0x0207010000000000L);
        assertThat(old).hasToString("2.7.1");
        assertThat(old.is("2.7.1")).isTrue();
        assertThat(old.is("2.7")).isTrue();
        assertThat(old.is("2.7.0")).isFalse();
        Libtorch newer = Libtorch.of(0x020b000000000000L);
        assertThat(newer).hasToString("2.11.0");
        assertThat(newer.is("2.11")).isTrue();
        assertThat(newer.is("2.1")).isFalse();
    }

    @Test
    void theLoadedLibraryTellsItsVersion() {
        assertThat(Libtorch.loaded())
                .map(Libtorch::toString)
                .hasValue(Engine.getInstance().getVersion().split("-")[0]);
    }

    @Test
    void aVersionThatWasNotCheckedIsNotCalled() {
        for (ForeignFunction function : ForeignFunction.values()) {
            if (function.library.isTorch()) {
                assertThat(function.checked).as(function.symbol).isNotEmpty();
                assertThat(function.unchecked(Optional.of(new Libtorch(2, 99, 0))))
                        .as(function.symbol)
                        .hasValueSatisfying(why -> assertThat(why).contains("2.99.0", function.checked.get(0)));
                assertThat(function.unchecked(Optional.empty()))
                        .as(function.symbol)
                        .isPresent();
            }
        }
    }

    @Test
    void whatIsNotThereIsAValue() {
        assumeThat(Engine.getInstance().getGpuCount())
                .as("this machine has a GPU")
                .isZero();
        assertThat(CudaGraph.missing()).isPresent();
        assertThat(ForeignFunction.GRAPH_REPLAY.missing()).isPresent();
        assertThatThrownBy(() -> ForeignFunction.GRAPH_REPLAY.run(0L))
                .isInstanceOf(EngineException.class)
                .hasMessageContaining("cannot be called");
    }

    @Test
    void thePartForAllDevicesIsThere() {
        assumeThat(System.getProperty("os.name"))
                .as("the mangled name is another on Windows")
                .doesNotContain("Windows");
        for (ForeignFunction function : ForeignFunction.values()) {
            if (function.library == ForeignLibrary.TORCH_CPU) {
                assertThat(function.missing()).as(function.symbol).isEmpty();
            }
        }
    }

    /** What is bound directly is in the table as well. */
    @Test
    void theTableIsWhole() {
        List<String> table =
                Arrays.stream(ForeignFunction.values()).map(f -> f.symbol).toList();
        assertThat(table).doesNotHaveDuplicates();
        assertThat(Stream.of(DirectCalls.Torch.class, DirectCalls.Driver.class)
                        .flatMap(c -> Arrays.stream(c.getDeclaredMethods()))
                        .filter(m -> Modifier.isNative(m.getModifiers()))
                        .map(m -> m.getName()))
                .isNotEmpty()
                .isSubsetOf(table);
    }
}
