package io.tunebook.kernel.magic;

import io.tunebook.kernel.display.Display;
import io.tunebook.kernel.display.MimeBundle;
import java.util.List;

/**
 * What a cell printed and showed under {@code %%capture}.
 *
 * @param outputs what it displayed, and its result
 */
public record Captured(String stdout, String stderr, List<MimeBundle> outputs) {
    /** Prints and shows it now. */
    public void show() {
        System.out.print(stdout);
        System.err.print(stderr);
        outputs.forEach(Display::display);
    }
}
