package org.dflib.jjava.jupyter.kernel.display;

/** One value in several representations, to be filled. */
public final class DisplayData extends io.github.spencerpark.jupyter.kernel.display.DisplayData {
    public DisplayData() {}

    public DisplayData(String text) {
        super(text);
    }
}
