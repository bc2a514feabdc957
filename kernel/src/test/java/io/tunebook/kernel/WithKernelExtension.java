package io.tunebook.kernel;

import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;
import org.junit.platform.commons.support.HierarchyTraversalMode;
import org.junit.platform.commons.support.ModifierSupport;
import org.junit.platform.commons.support.ReflectionSupport;

/**
 * Starts the process of {@link WithKernel} when the first test asks for it and ends it after the last; a kernel in this
 * process is there for all.
 */
final class WithKernelExtension implements BeforeAllCallback, ParameterResolver, AfterEachCallback, AfterAllCallback {
    private final List<TestKernel> inProcess = new ArrayList<>();
    private WireKernel kernel;

    @Override
    public void beforeAll(ExtensionContext context) throws IllegalAccessException {
        for (Field field : ReflectionSupport.findFields(
                context.getRequiredTestClass(),
                f -> f.getType() == TestKernel.class && ModifierSupport.isStatic(f),
                HierarchyTraversalMode.TOP_DOWN)) {
            TestKernel made = new TestKernel();
            inProcess.add(made);
            field.setAccessible(true);
            field.set(null, made);
        }
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == WireKernel.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        if (kernel == null) {
            WithKernel asked = AnnotationSupport.findAnnotation(context.getRequiredTestClass(), WithKernel.class)
                    .orElseThrow();
            Map<String, String> environment = new TreeMap<>();
            for (String pair : asked.environment()) {
                environment.put(pair.substring(0, pair.indexOf('=')), pair.substring(pair.indexOf('=') + 1));
            }
            kernel = WireKernel.start(List.of(asked.jvmOptions()), environment);
        }
        return kernel;
    }

    @Override
    public void afterEach(ExtensionContext context) {
        boolean fresh = AnnotationSupport.findAnnotation(context.getRequiredTestClass(), WithKernel.class)
                .orElseThrow()
                .fresh();
        if (kernel == null) {
            return;
        }
        context.getExecutionException().ifPresent(e -> e.addSuppressed(new AssertionError(kernel.state())));
        if (fresh || !kernel.isIdle()) {
            end();
        } else {
            kernel.forget();
        }
    }

    @Override
    public void afterAll(ExtensionContext context) {
        end();
        inProcess.forEach(TestKernel::close);
    }

    private void end() {
        if (kernel != null) {
            kernel.close();
            kernel = null;
        }
    }
}
