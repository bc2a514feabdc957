package io.tunebook.kernel.protocol;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import org.junit.jupiter.api.Test;

/** Messages on the wire: what is not one of this connection is refused, and nothing worse happens. */
public class WireTest {
    private static final String KEY = "a0436f6c-1916-498b-8eb9-e81ab9368e84";

    private static Message message(String text) {
        return Message.of(
                List.of("id".getBytes(StandardCharsets.UTF_8)),
                Message.object(),
                "execute_request",
                "s",
                Message.object().put("code", text));
    }

    public static List<byte[]> copy(List<byte[]> frames) {
        List<byte[]> all = new ArrayList<>();
        frames.forEach(f -> all.add(f.clone()));
        return all;
    }

    @Test
    void whatIsEncodedIsDecoded() throws Wire.MalformedMessage {
        Message m = message("中文 \u0000 😀");
        Message back = new Wire(KEY).decode(new Wire(KEY).encode(m));
        assertThat(back.header()).isEqualTo(m.header());
        assertThat(back.content()).isEqualTo(m.content());
        assertThat(back.identities().get(0)).isEqualTo(m.identities().get(0));
    }

    @Test
    void theSignatureIsTheProtocols() throws GeneralSecurityException {
        List<byte[]> frames = new Wire(KEY).encode(message("1"));
        Mac mac = Mac.getInstance("HmacSHA256");
        mac.init(new SecretKeySpec(KEY.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
        frames.subList(3, 7).forEach(mac::update);
        assertThat(new String(frames.get(2), StandardCharsets.US_ASCII))
                .isEqualTo(HexFormat.of().formatHex(mac.doFinal()));
    }

    @Test
    void aReplayIsRefused() throws Wire.MalformedMessage {
        Wire wire = new Wire(KEY);
        List<byte[]> frames = wire.encode(message("1"));
        wire.decode(frames);
        assertThatThrownBy(() -> wire.decode(frames)).hasMessageContaining("came before");
    }

    @Test
    void anotherKeyIsRefused() {
        List<byte[]> frames = new Wire("other").encode(message("1"));
        assertThatThrownBy(() -> new Wire(KEY).decode(frames)).hasMessageContaining("signature");
    }

    /**
     * Lists of frames that are changed in one byte, cut, shuffled, doubled, or pure noise. The test on sockets sends a
     * million of them.
     */
    @Test
    void noiseIsRefused() {
        Random random = new Random(7);
        Wire wire = new Wire(KEY);
        List<byte[]> good = wire.encode(message("System.out.println(1);"));
        for (int i = 0; i < 200_000; i++) {
            List<byte[]> frames = copy(good);
            mutate(frames, random);
            try {
                wire.decode(frames);
                throw new AssertionError("accepted after mutation " + i);
            } catch (Wire.MalformedMessage e) {
                assertThat(e.getMessage()).doesNotContain(KEY);
            }
        }
    }

    /** Spoils a message of six frames or more. */
    public static void mutate(List<byte[]> frames, Random random) {
        int what = random.nextInt(7);
        int at = 1 + random.nextInt(6); // the identity in front may be anything
        byte[] frame = frames.get(at);
        switch (what) {
            case 0 -> frame[random.nextInt(frame.length)] ^= (byte) (1 << random.nextInt(8));
            case 1 -> frames.remove(at);
            case 2 -> frames.set(at, java.util.Arrays.copyOf(frame, random.nextInt(frame.length)));
            case 3 -> frames.set(at, java.util.Arrays.copyOf(frame, frame.length + 1 + random.nextInt(50)));
            case 4 -> {
                byte[] noise = new byte[random.nextInt(64)];
                random.nextBytes(noise);
                frames.set(at, noise);
            }
            case 5 -> frames.subList(at, frames.size()).clear();
            default -> {
                frames.clear();
                for (int n = random.nextInt(10); n > 0; n--) {
                    byte[] noise = new byte[random.nextInt(40)];
                    random.nextBytes(noise);
                    frames.add(noise);
                }
            }
        }
    }

    /** Whoever has the key may still send JSON that is no message. */
    @Test
    void signedNonsenseIsRefused() {
        Wire wire = new Wire("");
        List<byte[]> good = wire.encode(message("1"));
        for (String json : List.of(
                "",
                "null",
                "[]",
                "7",
                "\"x\"",
                "{",
                "{\"a\":",
                "[".repeat(100_000),
                "{\"a\":".repeat(50_000),
                "{}",
                "{\"msg_type\":1}")) {
            List<byte[]> frames = copy(good);
            frames.set(3, json.getBytes(StandardCharsets.UTF_8));
            assertThatThrownBy(() -> wire.decode(frames)).isInstanceOf(Wire.MalformedMessage.class);
        }
    }
}
