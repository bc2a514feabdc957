package io.tunebook.kernel.display;

import java.time.Duration;
import java.util.Locale;
import java.util.UUID;

/**
 * A bar that grows in place, redrawn at most five times a second. Steps may come from any thread. In a plain terminal
 * it is one line that is written over; where nobody looks it is a line of text when it ends.
 */
public final class Progress implements AutoCloseable {
    private static final long FRAME = 200_000_000; // ns
    private static final boolean TERMINAL = System.console() != null && System.getenv("TERM") != null;
    private static final String BAR =
            "<div style=\"font-family:var(--jp-code-font-family,monospace);font-size:13px;display:flex;align-items:center;gap:8px\">"
                    + "<span>%s</span><span style=\"display:inline-block;width:240px;height:10px;border-radius:5px;background:rgba(128,128,128,.25)\">"
                    + "<span style=\"display:block;width:%.1f%%;height:10px;border-radius:5px;background:#3b82f6\"></span></span><span>%s</span></div>";

    private final String id = UUID.randomUUID().toString();
    private final long total;
    private final String label;
    private final long start = System.nanoTime();
    private long done;
    private long drawn;
    private boolean shown;
    private boolean closed;
    private String message = "";

    Progress(long total, String label) {
        this.total = total;
        this.label = label;
    }

    /** One step more. */
    public void step() {
        step(1);
    }

    /** So many steps more. */
    public synchronized void step(long n) {
        at(done + n);
    }

    /** So many steps are done in all. */
    public synchronized void at(long steps) {
        done = steps;
        drawIfDue();
    }

    /** A text after the bar, such as the current loss. */
    public synchronized void message(String text) {
        message = text;
        drawIfDue();
    }

    /** Draws the last state. Closing again does nothing. */
    @Override
    public synchronized void close() {
        if (!closed) {
            closed = true;
            draw();
        }
    }

    private void drawIfDue() {
        if (!closed && (TERMINAL || Display.rich()) && (!shown || System.nanoTime() - drawn >= FRAME)) {
            draw();
        }
    }

    private void draw() {
        drawn = System.nanoTime();
        Duration elapsed = Duration.ofNanos(drawn - start);
        String state = state(elapsed);
        if (TERMINAL && !Display.rich()) {
            String line = (label.isEmpty() ? "" : label + ": ") + state;
            System.out.print("\r" + line + "\u001b[K" + (closed ? "\n" : ""));
            System.out.flush();
            shown = true;
            return;
        }
        double share = total > 0 ? Math.min(1, (double) done / total) : closed ? 1 : 0;
        MimeBundle bundle = MimeBundle.of(
                MimeBundle.HTML,
                String.format(Locale.ROOT, BAR, Html.escape(label), share * 100, Html.escape(state)),
                MimeBundle.TEXT,
                (label.isEmpty() ? "" : label + ": ") + state);
        Display.sink().show(bundle, id, shown);
        shown = true;
    }

    private String state(Duration elapsed) {
        StringBuilder s = new StringBuilder();
        s.append(
                total > 0
                        ? String.format(Locale.ROOT, "%,d of %,d", done, total)
                        : String.format(Locale.ROOT, "%,d", done));
        s.append(" in ").append(clock(elapsed));
        if (!closed && total > 0 && done > 0 && done < total) {
            s.append(", ")
                    .append(clock(Duration.ofNanos((long) ((double) elapsed.toNanos() / done * (total - done)))))
                    .append(" left");
        }
        return message.isEmpty()
                ? s.toString()
                : s.append(" · ").append(message).toString();
    }

    private static String clock(Duration d) {
        return d.toHours() > 0
                ? String.format(Locale.ROOT, "%d:%02d:%02d", d.toHours(), d.toMinutesPart(), d.toSecondsPart())
                : String.format(Locale.ROOT, "%d:%02d", d.toMinutes(), d.toSecondsPart());
    }
}
