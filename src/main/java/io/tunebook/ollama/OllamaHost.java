package io.tunebook.ollama;

import java.net.URI;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Reads {@code OLLAMA_HOST} as Ollama's own tools do ({@code envconfig/config.go}). */
final class OllamaHost {
    private static final Pattern ADDRESS = Pattern.compile(
            "(?:(https?)://)?(\\[[0-9a-fA-F:.]+]|[0-9a-fA-F]*:[0-9a-fA-F:]*:[0-9a-fA-F:.]*|[^:/\\[\\]]*)(?::([^/:]*))?(/.*)?");

    private OllamaHost() {}

    /**
     * The address to send to, without a slash at its end.
     *
     * @throws IllegalArgumentException if it is no address
     */
    static URI parse(String address) {
        String text = address.strip().replaceAll("^[\"']+|[\"']+$", "").strip();
        if (text.equals("ollama.com")) {
            text = "https://ollama.com"; // the one name whose scheme need not be said
        }
        Matcher m = ADDRESS.matcher(text);
        if (!m.matches()) {
            throw new IllegalArgumentException(
                    "OLLAMA_HOST: expected host, host:port or http://host:port/path, found " + address);
        }
        String scheme = m.group(1) == null ? "http" : m.group(1);
        String host = m.group(2).replaceAll("[\\[\\]]", "");
        if (host.isEmpty() || host.equals("0.0.0.0") || host.equals("::")) {
            // Where a server listens on all addresses, a client takes this machine's own.
            host = host.equals("::") ? "::1" : "127.0.0.1";
        }
        int otherwise = m.group(1) == null ? 11434 : scheme.equals("https") ? 443 : 80;
        int port = otherwise;
        if (m.group(3) != null && m.group(3).matches("\\d{1,5}")) {
            port = Integer.parseInt(m.group(3));
            port = port > 65535 ? otherwise : port; // as for what is no number at all
        }
        String path = m.group(4) == null ? "" : m.group(4).replaceAll("/+$", "");
        return URI.create(scheme + "://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port + path);
    }
}
