package io.github.spencerpark.jupyter.kernel.display;

import io.github.spencerpark.jupyter.kernel.display.mime.MIMEType;
import java.util.Set;
import java.util.function.Supplier;

/** Which representations of a value are wanted, and where they are put. */
public final class RenderContext {
    private final Set<String> wanted;
    private final DisplayData output = new DisplayData();

    RenderContext(Set<String> wanted) {
        this.wanted = Set.copyOf(wanted);
    }

    public boolean wantsDataRenderedAs(MIMEType type) {
        return wanted.contains(type.toString());
    }

    public void renderIfRequested(MIMEType type, Supplier<?> content) {
        if (wantsDataRenderedAs(type)) {
            output.putData(type, content.get());
        }
    }

    public void renderIfRequested(String type, Supplier<?> content) {
        renderIfRequested(MIMEType.parse(type), content);
    }

    public DisplayData getOutputContainer() {
        return output;
    }
}
