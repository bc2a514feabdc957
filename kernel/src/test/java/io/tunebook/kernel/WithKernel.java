package io.tunebook.kernel;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Gives tests a kernel. One that asks for a {@link WireKernel} as a parameter gets a real kernel process, spoken to
 * over ZeroMQ. One process serves all tests of the class, one after another; a test that ended it, or left a cell
 * running in it, leaves a new one to the next. A static field of type {@link TestKernel} holds one in this process
 * while the class's tests run.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(WithKernelExtension.class)
public @interface WithKernel {
    /** Whether each test has a process of its own. */
    boolean fresh() default false;

    /** Options of its JVM beside those of the kernelspec, such as {@code -Xmx128m}. */
    String[] jvmOptions() default {};

    /** Environment variables, each as {@code NAME=value}. */
    String[] environment() default {};
}
