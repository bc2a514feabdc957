package io.tunebook.cuda;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import ai.djl.engine.Engine;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The switch in PyTorch's part for all devices, which is the same with and without a GPU. */
class DeterminismTest {
    @BeforeAll
    static void loadPyTorch() {
        Engine.getInstance();
        assumeThat(System.getProperty("os.name"))
                .as("the mangled names are others on Windows")
                .doesNotContain("Windows");
    }

    /** What PyTorch itself says. */
    private static boolean isOn() {
        return (ForeignLibrary.TORCH_CPU
                                .open()
                                .getFunction("_ZNK2at7Context23deterministicAlgorithmsEv")
                                .invokeInt(new Object[] {ForeignFunction.CONTEXT.address()})
                        & 0xff)
                != 0;
    }

    @Test
    void pyTorchIsSwitchedForTheOperatorsBetween() {
        assertThat(Determinism.missing()).isEmpty();
        Determinism.begin();
        try {
            assertThat(isOn()).isFalse();
            Determinism.on(true);
            Determinism.on(true);
            assertThat(isOn()).isTrue();
            Determinism.on(false);
            Determinism.on(false);
            assertThat(isOn()).isFalse();
        } finally {
            Determinism.end();
        }
    }

    /** An operator that throws leaves the switch on; the method's end turns it off, and another method may begin. */
    @Test
    void theEndOfAMethodTurnsItOff() throws Exception {
        Determinism.begin();
        Determinism.on(true);
        Determinism.end();
        assertThat(isOn()).isFalse();
        CompletableFuture.runAsync(() -> {
                    Determinism.begin();
                    Determinism.on(true);
                    Determinism.end();
                })
                .get(60, TimeUnit.SECONDS);
        assertThat(isOn()).isFalse();
    }

    /** Another thread's method would find its operators refused. */
    @Test
    void noOtherMethodRunsWhileItIsOn() throws Exception {
        CountDownLatch begun = new CountDownLatch(1);
        Determinism.begin();
        Determinism.on(true);
        CompletableFuture<Boolean> other = CompletableFuture.supplyAsync(() -> {
            begun.countDown();
            Determinism.begin();
            try {
                return isOn();
            } finally {
                Determinism.end();
            }
        });
        begun.await();
        Determinism.end();
        assertThat(other.get(60, TimeUnit.SECONDS)).isFalse();
    }
}
