package io.github.spencerpark.jupyter.kernel.display;

import io.github.spencerpark.jupyter.kernel.display.mime.MIMEType;
import io.tunebook.kernel.display.MimeBundle;
import java.util.LinkedHashMap;
import java.util.Map;

/** One value in several representations, to be filled. */
public class DisplayData {
    private final Map<String, Object> data = new LinkedHashMap<>();

    public DisplayData() {}

    public DisplayData(String text) {
        putText(text);
    }

    public final void putData(MIMEType type, Object content) {
        data.put(type.toString(), content);
    }

    public final void putData(String type, Object content) {
        data.put(type, content);
    }

    public final void putText(String text) {
        data.put(MimeBundle.TEXT, text);
    }

    public final void putHTML(String html) {
        data.put(MimeBundle.HTML, html);
    }

    public final void putMarkdown(String markdown) {
        data.put(MimeBundle.MARKDOWN, markdown);
    }

    public final void putLatex(String latex) {
        data.put(MimeBundle.LATEX, latex);
    }

    public final void putSVG(String svg) {
        data.put(MimeBundle.SVG, svg);
    }

    public final Object getData(MIMEType type) {
        return data.get(type.toString());
    }

    public final boolean hasDataForType(MIMEType type) {
        return data.containsKey(type.toString());
    }

    /** The same as this kernel keeps it. */
    public final MimeBundle bundle() {
        return new MimeBundle(data, Map.of());
    }
}
