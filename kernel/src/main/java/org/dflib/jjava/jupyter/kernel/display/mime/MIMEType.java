package org.dflib.jjava.jupyter.kernel.display.mime;

/** MIME types under JJava's names. */
public final class MIMEType {
    public static final io.github.spencerpark.jupyter.kernel.display.mime.MIMEType
            ANY = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.ANY,
            TEXT_PLAIN = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.TEXT_PLAIN,
            TEXT_HTML = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.TEXT_HTML,
            TEXT_MARKDOWN = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.TEXT_MARKDOWN,
            TEXT_LATEX = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.TEXT_LATEX,
            TEXT_CSS = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.TEXT_CSS,
            APPLICATION_JSON = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.APPLICATION_JSON,
            APPLICATION_JAVASCRIPT = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.APPLICATION_JAVASCRIPT,
            IMAGE_PNG = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.IMAGE_PNG,
            IMAGE_JPEG = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.IMAGE_JPEG,
            IMAGE_GIF = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.IMAGE_GIF,
            IMAGE_SVG = io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.IMAGE_SVG;

    private MIMEType() {}

    public static io.github.spencerpark.jupyter.kernel.display.mime.MIMEType parse(String name) {
        return io.github.spencerpark.jupyter.kernel.display.mime.MIMEType.parse(name);
    }
}
