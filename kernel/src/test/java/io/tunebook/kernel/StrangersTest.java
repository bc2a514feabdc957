package io.tunebook.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.protocol.Message;
import io.tunebook.kernel.protocol.Wire;
import io.tunebook.kernel.zmtp.Client;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.zeromq.SocketType;
import org.zeromq.ZMQ;

/**
 * Other users of the machine can connect. Whatever they send without a signature, the kernel serves its own frontend.
 */
@WithKernel(jvmOptions = "-Xmx192m")
class StrangersTest {
    private static final int MEGABYTE = 1 << 20;

    /** The bytes of a connection up to its handshake. */
    private static byte[] handshake(String socketType) {
        byte[] type = socketType.getBytes(StandardCharsets.US_ASCII);
        ByteBuffer all = ByteBuffer.allocate(200);
        all.put((byte) 0xff).put(new byte[8]).put((byte) 0x7f).put((byte) 3).put((byte) 0);
        all.put("NULL".getBytes(StandardCharsets.US_ASCII)).position(64);
        all.put((byte) 4)
                .put((byte) (6 + 12 + 4 + type.length))
                .put((byte) 5)
                .put("READY".getBytes(StandardCharsets.US_ASCII));
        all.put((byte) 11)
                .put("Socket-Type".getBytes(StandardCharsets.US_ASCII))
                .putInt(type.length)
                .put(type);
        byte[] bytes = new byte[all.position()];
        all.flip().get(bytes);
        return bytes;
    }

    private static Socket connect(WireKernel kernel, String port, String socketType) throws IOException {
        Socket socket = new Socket(
                InetAddress.getLoopbackAddress(), kernel.connection().path(port).asInt());
        socket.getOutputStream().write(handshake(socketType));
        return socket;
    }

    /**
     * Sends frames of nothing until the kernel hangs up.
     *
     * @return how many megabytes it took
     */
    private static int flood(Socket socket, int frames, int megabytes) throws IOException {
        byte[] zeros = new byte[MEGABYTE];
        int sent = 0;
        try (socket) {
            OutputStream out = socket.getOutputStream();
            for (int f = 0; f < frames; f++) {
                out.write(ByteBuffer.allocate(9)
                        .put((byte) 3)
                        .putLong((long) megabytes * MEGABYTE)
                        .array());
                for (int m = 0; m < megabytes; m++, sent++) {
                    out.write(zeros);
                }
            }
        } catch (java.net.SocketException e) {
            return sent; // it hung up
        }
        return sent;
    }

    private static void requireAnswers(WireKernel kernel) {
        assertThat(kernel.execute("6 * 7").result()).isEqualTo("42");
        assertThat(kernel.request(WireKernel.Channel.CONTROL, "kernel_info_request", Message.object())
                        .status())
                .isEqualTo("ok");
        assertThat(beat(kernel)).isEqualTo("alive");
    }

    /** One beat by a plain socket: nothing is asked again, and no other library's threads stand between the two. */
    private static String beat(WireKernel kernel) {
        int port = kernel.connection().path("hb_port").asInt();
        try (Client heart = new Client(port, "REQ", new byte[0], 60_000)) {
            heart.send(List.of(new byte[0], "alive".getBytes(StandardCharsets.US_ASCII)));
            return new String(heart.receive().get(1), StandardCharsets.US_ASCII);
        } catch (IOException e) {
            throw new AssertionError("the heartbeat does not answer", e);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"shell_port", "control_port", "stdin_port", "hb_port", "iopub_port"})
    void aMessageOfFortyFramesOfThirtyMegabytes(String port, WireKernel kernel) throws IOException {
        String type = port.equals("iopub_port") ? "SUB" : "DEALER";
        assertThat(flood(connect(kernel, port, type), 40, 30)).isLessThan(200);
        requireAnswers(kernel);
    }

    @Test
    void manyConnectionsThatEachSendPartOfAMessage(WireKernel kernel) throws Exception {
        List<Socket> sockets = new java.util.ArrayList<>();
        byte[] part = new byte[10 * MEGABYTE];
        for (int i = 0; i < 20; i++) {
            Socket socket = connect(kernel, "shell_port", "DEALER");
            sockets.add(socket);
            try {
                socket.getOutputStream()
                        .write(ByteBuffer.allocate(9)
                                .put((byte) 3)
                                .putLong(20 * MEGABYTE)
                                .array());
                socket.getOutputStream().write(part);
            } catch (java.net.SocketException e) {
                continue; // too much is on its way already
            }
        }
        requireAnswers(kernel);
        for (Socket socket : sockets) {
            socket.close();
        }
        requireAnswers(kernel);
    }

    @Test
    void claimsAndCrumbs(WireKernel kernel) throws IOException {
        for (int i = 0; i < 200; i++) {
            try (Socket socket = connect(kernel, "shell_port", "DEALER")) {
                // A frame that claims to be 20 MB long, and no more; then a message of many empty frames.
                OutputStream out = socket.getOutputStream();
                out.write(ByteBuffer.allocate(9)
                        .put((byte) 2)
                        .putLong(20 * MEGABYTE)
                        .array());
            } catch (java.net.SocketException e) {
                continue;
            }
        }
        try (Socket socket = connect(kernel, "shell_port", "DEALER")) {
            byte[] empty = new byte[2 * MEGABYTE];
            for (int i = 0; i < empty.length; i += 2) {
                empty[i] = 1;
            }
            for (int i = 0; i < 20; i++) {
                socket.getOutputStream().write(empty);
            }
        } catch (java.net.SocketException e) {
            // it hung up, as it should
        }
        requireAnswers(kernel);
    }

    @Test
    void largeForgeriesWhileACellRuns(WireKernel kernel) throws Exception {
        Message busy = kernel.start("System.out.println(1); Thread.sleep(4000); 5");
        kernel.await(busy, "stream");
        Wire forger = new Wire("another key");
        byte[] large = new byte[15 * MEGABYTE];
        ZMQ.Socket stranger = kernel.connect(SocketType.DEALER, "shell_port");
        for (int i = 0; i < 25; i++) {
            Message plain = Message.of(List.of(), Message.object(), "execute_request", "x", WireKernel.cell("1"));
            WireKernel.send(
                    stranger,
                    forger.encode(new Message(
                            List.of(),
                            plain.header(),
                            plain.parent(),
                            plain.metadata(),
                            plain.content(),
                            List.of(large))));
        }
        assertThat(kernel.await(busy).result()).isEqualTo("5");
        requireAnswers(kernel);
        stranger.close();
    }

    @Test
    void aSubscriptionToATopicOfTwentyThousandBytes(WireKernel kernel) throws IOException {
        byte[] topic = "t".repeat(20_001).getBytes(StandardCharsets.US_ASCII);
        topic[0] = 1;
        try (Socket stranger = connect(kernel, "iopub_port", "SUB")) {
            OutputStream out = stranger.getOutputStream();
            out.write(ByteBuffer.allocate(9).put((byte) 2).putLong(topic.length).array());
            out.write(topic);
            for (int i = 0; i < 5; i++) {
                requireAnswers(kernel);
            }
        } catch (java.net.SocketException e) {
            requireAnswers(kernel); // it hung up, as it may
        }
    }

    @Test
    void aSubscriberThatNeverReads(WireKernel kernel) throws Exception {
        try (Socket stranger = connect(kernel, "iopub_port", "SUB")) {
            stranger.getOutputStream().write(new byte[] {0, 1, 1}); // subscribes to all
            Message loud = kernel.start("String line = \"x\".repeat(5994) + \"\\n\";\n"
                    + "for (int i = 0; i < 10_000; i++) System.out.print((100_000 + i) + line);\n8");
            WireKernel.Answer answer = kernel.await(loud, Duration.ofSeconds(90));
            assertThat(answer.result()).isEqualTo("8");
            String[] lines = answer.stdout().split("\n"); // its own frontend lost nothing
            for (int i = 0; i < 10_000; i++) {
                assertThat(lines[i]).hasSize(6000).startsWith(String.valueOf(100_000 + i));
            }
            assertThat(lines).hasSize(10_000);
            assertThat(answer.stderr()).isEmpty(); // what the kernel logs is no output of the cell
        }
        kernel.forget();
        requireAnswers(kernel);
    }

    @Test
    void fiveHundredIdleConnections(WireKernel kernel) throws Exception {
        List<Socket> sockets = new java.util.ArrayList<>();
        CompletableFuture<Void> opening = CompletableFuture.runAsync(() -> {
            try {
                for (int i = 0; i < 500; i++) {
                    sockets.add(connect(kernel, "shell_port", "DEALER"));
                }
            } catch (IOException e) {
                throw new IllegalStateException(e);
            }
        });
        opening.get();
        requireAnswers(kernel);
        for (Socket socket : sockets) {
            socket.close();
        }
    }
}
