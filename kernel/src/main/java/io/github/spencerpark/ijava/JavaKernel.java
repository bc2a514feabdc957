package io.github.spencerpark.ijava;

import io.github.spencerpark.jupyter.kernel.display.DisplayData;
import io.github.spencerpark.jupyter.kernel.display.Renderer;
import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.magic.CellStatics;
import java.util.List;

/** What notebooks of IJava ask of their kernel. */
public final class JavaKernel {
    private final Renderer renderer = new Renderer();

    JavaKernel() {}

    public Renderer getRenderer() {
        return renderer;
    }

    /** Shows something now. */
    public void display(DisplayData data) {
        Display.display(data.bundle());
    }

    /**
     * Runs code as a cell.
     *
     * @return the value of its last expression, or null
     */
    public Object eval(String code) throws Exception {
        return CellStatics.eval(code);
    }

    /** Adds a jar or a folder to the class path. */
    public void addToClasspath(String path) throws Exception {
        CellStatics.lineMagic("classpath", List.of(path));
    }
}
