package io.tunebook.kernel.widgets;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.kernel.display.Renderer;
import java.util.LinkedHashMap;
import java.util.Map;

/** How a widget is shown: the frontend is told its model. */
public final class WidgetRenderer implements Renderer<Widget> {
    private static final String VIEW = "application/vnd.jupyter.widget-view+json";

    @Override
    public Class<Widget> type() {
        return Widget.class;
    }

    @Override
    public MimeBundle render(Widget widget) {
        Map<String, Object> data = new LinkedHashMap<>();
        data.put(
                VIEW,
                Map.of(
                        "version_major",
                        2,
                        "version_minor",
                        0,
                        "model_id",
                        widget.model().id()));
        data.put(
                MimeBundle.TEXT,
                "a widget, " + widget.model().get("_model_name") + ": it needs jupyterlab_widgets to be seen");
        return new MimeBundle(data, Map.of());
    }
}
