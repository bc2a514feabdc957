package io.github.spencerpark.jupyter.kernel.display.mime;

import java.util.Objects;

/** A MIME type by its name, such as {@code text/html}. */
public final class MIMEType {
    public static final MIMEType ANY = new MIMEType("*/*");
    public static final MIMEType TEXT_PLAIN = new MIMEType("text/plain");
    public static final MIMEType TEXT_HTML = new MIMEType("text/html");
    public static final MIMEType TEXT_MARKDOWN = new MIMEType("text/markdown");
    public static final MIMEType TEXT_LATEX = new MIMEType("text/latex");
    public static final MIMEType TEXT_CSS = new MIMEType("text/css");
    public static final MIMEType APPLICATION_JSON = new MIMEType("application/json");
    public static final MIMEType APPLICATION_JAVASCRIPT = new MIMEType("application/javascript");
    public static final MIMEType IMAGE_PNG = new MIMEType("image/png");
    public static final MIMEType IMAGE_JPEG = new MIMEType("image/jpeg");
    public static final MIMEType IMAGE_GIF = new MIMEType("image/gif");
    public static final MIMEType IMAGE_SVG = new MIMEType("image/svg+xml");

    private final String name;

    private MIMEType(String name) {
        this.name = Objects.requireNonNull(name);
    }

    /** @throws IllegalArgumentException if the text has no slash */
    public static MIMEType parse(String name) {
        if (name.indexOf('/') < 0) {
            throw new IllegalArgumentException("expected a MIME type such as text/html, found " + name);
        }
        return new MIMEType(name);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof MIMEType m && m.name.equals(name);
    }

    @Override
    public int hashCode() {
        return name.hashCode();
    }

    @Override
    public String toString() {
        return name;
    }
}
