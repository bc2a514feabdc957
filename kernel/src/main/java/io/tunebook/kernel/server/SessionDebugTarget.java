package io.tunebook.kernel.server;

import io.tunebook.kernel.debug.DebugTarget;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.eval.CellEvaluator;
import io.tunebook.kernel.eval.CellException;
import io.tunebook.kernel.eval.Source;
import io.tunebook.kernel.session.Session;
import java.lang.reflect.Field;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.UnaryOperator;

/** What the debugger sees of a session. */
record SessionDebugTarget(Session session) implements DebugTarget {
    private static final long RENDERING = 2; // seconds

    @Override
    public ClassLoader loader() {
        return session.evaluator().loader();
    }

    @Override
    public void instrument(UnaryOperator<byte[]> how) {
        session.evaluator().probe(how);
    }

    @Override
    public Map<String, Field> variables() {
        return session.evaluator().fields();
    }

    @Override
    public Object evaluate(String code) throws CellException {
        return session.evaluator()
                .evaluate(new Source("the debugger", code), 0, code.length())
                .map(CellEvaluator.Result::value)
                .orElse(null);
    }

    /** Renderers are the user's code, and may wait for a thread that has stopped. */
    @Override
    public Optional<Map<String, Object>> render(Object value) {
        CompletableFuture<Map<String, Object>> rendered = new CompletableFuture<>();
        Thread thread = new Thread(
                () -> {
                    try {
                        rendered.complete(Display.render(value).data());
                    } catch (Throwable t) {
                        rendered.completeExceptionally(t);
                    }
                },
                "debugger-renders");
        thread.setDaemon(true);
        thread.start();
        try {
            return Optional.of(rendered.get(RENDERING, TimeUnit.SECONDS));
        } catch (ExecutionException | TimeoutException e) {
            return Optional.empty();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return Optional.empty();
        }
    }
}
