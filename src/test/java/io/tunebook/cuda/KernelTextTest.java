package io.tunebook.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.engine.Engine;
import com.sun.jna.Memory;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.LongByReference;
import io.tunebook.cuda.KernelText.Kernel;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

final class KernelTextTest {
    @Test
    void declarationsBecomeSchemas() {
        Kernel kernel = KernelText.of("""
                extern "C" __global__ void __launch_bounds__(256, 1) mix(const bf16* x, bf16* y, float* t, i64 rank, double eps) {
                """).kernels().get(0);
        assertThat(kernel.schema())
                .isEqualTo(
                        "mix(Tensor x, Tensor(a!) y, Tensor(b!) t, int rank, float eps, int blocks, int threads) -> ()");
        assertThat(kernel.rank()).isEqualTo(3);
    }

    /** No declaration is overlooked: each begins with the same words. */
    @Test
    void allKernelsOfOursAreRead() {
        KernelText text = KernelText.ours();
        assertThat(text.kernels()).hasSize(text.text().split("extern \"C\" __global__", -1).length - 1);
        assertThat(text.kernels().stream().filter(k -> k.rank() >= 0).map(Kernel::name))
                .containsExactly("swiglu_lora", "geglu_lora", "d_swiglu_lora", "d_geglu_lora", "sum_factors");
    }

    /** A parameter's name may be a word of PyTorch's schemas, such as "in", with which no kernel at all would be there. */
    @Test
    void pytorchTakesTheSchemas() {
        Engine.getInstance();
        try (Memory file = new Memory(16)) {
            file.setString(0, "kernels.cu");
            LongByReference library = new LongByReference();
            ForeignFunction.LIBRARY_FRAGMENT.require("tunebook_schemas", Pointer.nativeValue(file), 1, library);
            for (Kernel kernel : KernelText.ours().kernels()) {
                ForeignFunction.LIBRARY_DEFINE.require(library.getValue(), kernel.schema());
            }
        }
    }

    @Test
    void aLaunchHasRoomForThirtyParameters() {
        assertThat(KernelText.of(declaration(30)).kernels().get(0).parameters()).hasSize(30);
        assertThatThrownBy(() -> KernelText.of(declaration(31)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("kernel many: expected at most 30 parameters, found 31");
    }

    @Test
    void anotherTypeIsRefused() {
        assertThatThrownBy(() -> KernelText.of("extern \"C\" __global__ void f(const float* x, int n) {"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("kernel f: expected a pointer, an i64 or a double, found int n");
    }

    private static String declaration(int parameters) {
        return IntStream.range(0, parameters)
                .mapToObj(i -> "i64 n" + i)
                .collect(Collectors.joining(", ", "extern \"C\" __global__ void many(", ") {"));
    }
}
