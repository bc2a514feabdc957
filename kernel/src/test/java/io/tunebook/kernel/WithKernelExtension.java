package io.tunebook.kernel;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/** Starts the process of {@link WithKernel} when the first test asks for it and ends it after the last. */
final class WithKernelExtension implements ParameterResolver, AfterEachCallback, AfterAllCallback {
    private WireKernel kernel;

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
            afterAll(context);
        } else {
            kernel.forget();
        }
    }

    @Override
    public void afterAll(ExtensionContext context) {
        if (kernel != null) {
            kernel.close();
            kernel = null;
        }
    }
}
