package io.tunebook.kernel.widgets;

/** Something that a frontend shows and keeps in step with the cell's side. A cell shows it as its result or by {@code display}. */
public sealed interface Widget permits Control, Button, Progress, Output, Box {
    /** The model behind it. */
    Model model();
}
