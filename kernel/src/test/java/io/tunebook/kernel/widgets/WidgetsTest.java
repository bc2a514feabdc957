package io.tunebook.kernel.widgets;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.tunebook.kernel.WireKernel;
import io.tunebook.kernel.WireKernel.Answer;
import io.tunebook.kernel.WireKernel.Channel;
import io.tunebook.kernel.WithKernel;
import io.tunebook.kernel.protocol.Message;
import org.junit.jupiter.api.Test;

/** Widgets over the wire: the messages that JupyterLab's widget manager sends and expects. */
@WithKernel
public class WidgetsTest {
    private static final String IMPORT = "import io.tunebook.kernel.widgets.*;\n";

    private static JsonNode model(Answer answer, String name) {
        return answer.of("comm_open").stream()
                .map(m -> (JsonNode) m.content())
                .filter(c -> c.path("data")
                        .path("state")
                        .path("_model_name")
                        .asText()
                        .equals(name))
                .reduce((first, second) -> second)
                .orElseThrow();
    }

    private static Answer send(WireKernel kernel, JsonNode model, ObjectNode data) {
        ObjectNode content =
                Message.object().put("comm_id", model.path("comm_id").asText());
        content.set("data", data);
        return kernel.request(Channel.SHELL, "comm_msg", content);
    }

    private static Answer update(WireKernel kernel, JsonNode model, String name, Object value) {
        ObjectNode data = Message.object().put("method", "update");
        data.putObject("state").putPOJO(name, value);
        data.putArray("buffer_paths");
        return send(kernel, model, data);
    }

    @Test
    void aSliderIsShownAndHeard(WireKernel kernel) {
        Answer shown = kernel.execute(IMPORT + "var s = Widgets.slider(\"rate\", 0, 10, 3);\ns");
        assertThat(shown.status()).as(shown.traceback()).isEqualTo("ok");
        JsonNode slider = model(shown, "IntSliderModel");
        assertThat(slider.path("target_name").asText()).isEqualTo("jupyter.widget");
        JsonNode state = slider.path("data").path("state");
        assertThat(state.path("_model_module").asText()).isEqualTo("@jupyter-widgets/controls");
        assertThat(state.path("_model_module_version").asText()).isEqualTo("2.0.0");
        assertThat(state.path("_view_name").asText()).isEqualTo("IntSliderView");
        assertThat(state.path("value").asInt()).isEqualTo(3);
        assertThat(state.path("layout").asText())
                .isEqualTo("IPY_MODEL_"
                        + model(shown, "LayoutModel").path("comm_id").asText());
        assertThat(shown.of("comm_open"))
                .hasSize(3)
                .allMatch(m -> m.metadata().path("version").asText().equals("2.1.0"));
        JsonNode view = shown.of("execute_result")
                .get(0)
                .content()
                .path("data")
                .path("application/vnd.jupyter.widget-view+json");
        assertThat(view.path("model_id").asText())
                .isEqualTo(slider.path("comm_id").asText());
        assertThat(view.path("version_major").asInt()).isEqualTo(2);

        assertThat(update(kernel, slider, "value", 7).error()).isNull();
        assertThat(kernel.execute("s.value()").result()).isEqualTo("7");
        Answer set = kernel.execute("s.value(9);");
        assertThat(set.of("comm_msg")
                        .get(0)
                        .content()
                        .path("data")
                        .path("state")
                        .path("value")
                        .asInt())
                .isEqualTo(9);
        Answer state2 = send(kernel, slider, Message.object().put("method", "request_state"));
        assertThat(state2.of("comm_msg")
                        .get(0)
                        .content()
                        .path("data")
                        .path("state")
                        .path("value")
                        .asInt())
                .isEqualTo(9);
    }

    @Test
    void interactShowsWhatAFunctionMakesOfTheValue(WireKernel kernel) {
        Answer shown = kernel.execute(IMPORT
                + "Widgets.interact(Widgets.slider(\"x\", 0.0, 1.0, 0.5), x -> html(\"<b>\" + x * 2 + \"</b>\"))");
        assertThat(shown.status()).as(shown.traceback()).isEqualTo("ok");
        JsonNode output = model(shown, "OutputModel");
        Answer moved = update(kernel, model(shown, "FloatSliderModel"), "value", 0.25);
        JsonNode last = moved.of("comm_msg").get(0).content();
        assertThat(last.path("comm_id").asText())
                .isEqualTo(output.path("comm_id").asText());
        assertThat(last.path("data")
                        .path("state")
                        .path("outputs")
                        .path(0)
                        .path("data")
                        .path("text/html")
                        .asText())
                .isEqualTo("<b>0.5</b>");
        JsonNode children = model(shown, "VBoxModel").path("data").path("state").path("children");
        assertThat(children).hasSize(2);
        assertThat(children.path(1).asText())
                .isEqualTo("IPY_MODEL_" + output.path("comm_id").asText());
    }

    @Test
    void everyControlHasItsTypedValue(WireKernel kernel) {
        Answer made = kernel.execute(IMPORT + """
                var heard = new ArrayList<Object>();
                var text = Widgets.text("name", "a").onChange(heard::add);
                var tick = Widgets.checkbox("on", true).onChange(heard::add);
                var choice = Widgets.dropdown("unit", TimeUnit.SECONDS, TimeUnit.DAYS).onChange(heard::add);
                var rate = Widgets.logSlider("lr", -5, -1, 1e-3).onChange(heard::add);
                var button = Widgets.button("go").onClick(() -> heard.add("click"));
                var bar = Widgets.progress("done", 10);
                bar.value(4);
                Widgets.row(text, tick, choice, rate, button, bar)""");
        assertThat(made.status()).as(made.traceback()).isEqualTo("ok");
        assertThat(made.of("comm_open"))
                .extracting(m -> m.content()
                        .path("data")
                        .path("state")
                        .path("_view_name")
                        .asText())
                .contains(
                        "TextView",
                        "CheckboxView",
                        "DropdownView",
                        "FloatLogSliderView",
                        "ButtonView",
                        "ProgressView",
                        "HBoxView");
        update(kernel, model(made, "TextModel"), "value", "b");
        update(kernel, model(made, "CheckboxModel"), "value", false);
        update(kernel, model(made, "DropdownModel"), "index", 1);
        update(kernel, model(made, "FloatLogSliderModel"), "value", 0.01);
        ObjectNode click = Message.object().put("method", "custom");
        click.putObject("content").put("event", "click");
        send(kernel, model(made, "ButtonModel"), click);
        assertThat(kernel.execute("heard.toString()").result()).isEqualTo("[b, false, DAYS, 0.01, click]");
        assertThat(kernel.execute("choice.value().toMillis(1) + bar.value() + \" \" + rate.value()")
                        .result())
                .isEqualTo("8.6400004E7 0.01");
    }
}
