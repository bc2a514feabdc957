package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;

/** The course's pictures, one line in a cell each. Each comes with a text that says the same to those who do not see it. */
public final class Pictures {
    private Pictures() {}

    /**
     * The chapters in a row, with what each gives and the reader's place.
     *
     * @param chapter 0 to 8
     * @throws IllegalArgumentException if there is no such chapter
     */
    public static MimeBundle path(int chapter) {
        return PathPicture.draw(chapter, Words.ENGLISH);
    }
}
