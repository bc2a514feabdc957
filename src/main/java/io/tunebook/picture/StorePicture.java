package io.tunebook.picture;

import io.tunebook.kernel.display.MimeBundle;
import io.tunebook.ollama.store.ModelStore;
import io.tunebook.ollama.store.StoredModel;

/** Ollama's folder: a manifest, an arrow to the blob that it names, and what is in the blob. */
final class StorePicture {
    private StorePicture() {}

    static MimeBundle draw(ModelStore store, StoredModel model, Words words) {
        String blob = model.gguf().getFileName().toString();
        String digest = blob.length() > 20 ? blob.substring(0, 19) + "…" : blob;
        String size = words.of("store.size", String.format(java.util.Locale.ROOT, "%,d", model.bytes() / 1_000_000));
        Drawing d = new Drawing(720, 244);
        d.head(20, 28, Drawing.Anchor.START, words.of("store.folder"));
        d.box(20, 60, 190, 70, Drawing.Tone.ORANGE, "manifests/…", model.name(), words.of("store.manifest"));
        d.arrow(212, 95, 280, 95);
        d.note(246, 86, Drawing.Anchor.MIDDLE, words.of("store.names"));
        d.box(282, 60, 190, 70, Drawing.Tone.BLUE, "blobs/", digest, size);
        d.arrow(474, 95, 540, 95);
        d.note(507, 86, Drawing.Anchor.MIDDLE, words.of("store.holds"));
        String[] parts = words.lines("store.parts");
        for (int i = 0; i < parts.length; i++) {
            d.box(542, 30 + 44 * i, 158, 36, Drawing.Tone.GREEN, parts[i]);
        }
        d.note(20, 228, Drawing.Anchor.START, words.of("store.missing"));
        return d.bundle(words.of("store.title"), words.of("store.description", model.name(), digest, size));
    }
}
