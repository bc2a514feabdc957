package io.tunebook.hub;

import java.net.URI;
import java.nio.file.Path;

/** A place that models and data sets come from. */
public sealed interface HubSource {
    /**
     * Hugging Face, or a mirror that speaks its API.
     *
     * @param endpoint scheme and host, perhaps a path
     */
    record HuggingFace(URI endpoint) implements HubSource {
        @Override
        public String toString() {
            return endpoint.toString();
        }
    }

    /**
     * ModelScope.
     *
     * @param endpoint scheme and host
     */
    record ModelScope(URI endpoint) implements HubSource {
        @Override
        public String toString() {
            return endpoint.toString();
        }
    }

    /**
     * A folder that holds {@code owner/name}, or is the repository itself.
     *
     * @param root the folder
     */
    record Folder(Path root) implements HubSource {
        @Override
        public String toString() {
            return root.toString();
        }
    }

    /** {@code HF_ENDPOINT} if it is set, else huggingface.co. */
    static HubSource huggingFace() {
        return mirror(Hub.Settings.variable("HF_ENDPOINT", "https://huggingface.co"));
    }

    /** A mirror of Hugging Face, such as {@code https://hf-mirror.com}. */
    static HubSource mirror(String url) {
        return new HuggingFace(endpoint(url));
    }

    /** {@code MODELSCOPE_ENDPOINT} or {@code MODELSCOPE_DOMAIN} if one is set, else modelscope.cn. */
    static HubSource modelScope() {
        return modelScope(Hub.Settings.variable(
                "MODELSCOPE_ENDPOINT", Hub.Settings.variable("MODELSCOPE_DOMAIN", "https://www.modelscope.cn")));
    }

    /** ModelScope at another address. */
    static HubSource modelScope(String url) {
        return new ModelScope(endpoint(url));
    }

    /** A folder on this machine. */
    static HubSource folder(Path root) {
        return new Folder(root);
    }

    private static URI endpoint(String url) {
        String full = url.contains("://") ? url : "https://" + url;
        return URI.create(full.replaceAll("/+$", ""));
    }
}
