package io.tunebook.hosts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Function;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What hosts do together, and what strangers and faults do to them; here hosts are threads. */
@Timeout(60)
final class ProcessGroupTest {
    private static final String SECRET = "a secret of the test";
    private static final Map<String, String> ALIKE = Map.of("seed", "42", "model", "tiny\nllama");

    private final ExecutorService threads = Executors.newCachedThreadPool();
    private int port;

    @BeforeEach
    void freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
    }

    @AfterEach
    void end() {
        threads.shutdownNow();
    }

    private Hosts hosts(int count, int rank) {
        return Hosts.of(count, rank, "127.0.0.1", port, SECRET).timeout(Duration.ofSeconds(20));
    }

    /** What one host does. */
    private interface Program<T> {
        T run(ProcessGroup group) throws Exception;
    }

    private <T> Future<T> start(Hosts hosts, Map<String, String> alike, Program<T> program) {
        return threads.submit(() -> {
            try (ProcessGroup group = ProcessGroup.join(hosts, alike)) {
                return program.run(group);
            }
        });
    }

    private <T> List<T> all(int count, Program<T> program) throws Exception {
        List<Future<T>> started = new ArrayList<>();
        for (int rank = count - 1; rank >= 0; rank--) { // rank 0 comes last: the others wait for it
            started.add(0, start(hosts(count, rank), ALIKE, program));
        }
        List<T> results = new ArrayList<>();
        for (Future<T> host : started) {
            results.add(host.get());
        }
        return results;
    }

    private static String failure(Future<?> host) throws InterruptedException {
        try {
            host.get();
        } catch (ExecutionException e) {
            assertThat(e.getCause()).isInstanceOf(IOException.class);
            return e.getCause().getMessage();
        }
        throw new AssertionError("it did not fail");
    }

    // ---- what they do together

    @Test
    void arraysAreAddedInTheOrderOfTheRanksAndGivenToAll() throws Exception {
        int length = HostConnection.CHUNK / Float.BYTES * 2 + 777; // three frames
        float[] start = {1e8f, -1e8f, 0.3f}; // another order gives other bits
        List<float[]> found = all(3, group -> {
            ByteBuffer values = ByteBuffer.allocateDirect(length * Float.BYTES).order(ByteOrder.nativeOrder());
            for (int i = 0; i < length; i++) {
                values.putFloat(i * Float.BYTES, start[group.rank()] + i * 1e-3f);
            }
            group.reduce(values.duplicate());
            if (group.rank() > 0) {
                assertThat(values.order(ByteOrder.nativeOrder()).getFloat(0)).isEqualTo(start[group.rank()]);
            }
            group.broadcast(values.duplicate());
            float[] all = new float[length];
            values.asFloatBuffer().get(all);
            return all;
        });
        float[] expected = new float[length];
        for (int i = 0; i < length; i++) {
            expected[i] = start[0] + i * 1e-3f + (start[1] + i * 1e-3f);
            expected[i] += start[2] + i * 1e-3f;
        }
        assertThat(found).allSatisfy(f -> assertThat(f).isEqualTo(expected));
    }

    @Test
    void numbersAndBytesReachAll() throws Exception {
        List<String> found = all(3, group -> {
            double[] sums = group.allReduce(0.1 * group.rank(), 1, group.rank() == 1 ? Double.NaN : 0);
            byte[] text = group.broadcast(("of rank " + group.rank()).getBytes(StandardCharsets.UTF_8), 100);
            group.requireEqual("the answers", "think again", 42);
            return sums[0] + " " + sums[1] + " " + sums[2] + " " + new String(text, StandardCharsets.UTF_8);
        });
        assertThat(found).containsOnly((0.1 + 0.1 * 2) + " 3.0 NaN of rank 0").hasSize(3);
    }

    @Test
    void whatDiffersInAStepIsNamedOnAllHosts() throws Exception {
        List<Future<Object>> hosts = new ArrayList<>();
        for (int rank = 0; rank < 3; rank++) {
            int own = rank;
            hosts.add(start(hosts(3, rank), ALIKE, group -> {
                try {
                    group.requireEqual("the data", "take the same", own == 2 ? 7 : 8);
                    group.allReduce(1);
                } catch (IOException e) {
                    group.abort(e.getMessage());
                    throw e;
                }
                return null;
            }));
        }
        String first = failure(hosts.get(0));
        assertThat(first)
                .matches("the data differ between rank 2 \\(127\\.0\\.0\\.1:\\d+\\) and rank 0: take the same");
        for (int rank = 1; rank < 3; rank++) {
            assertThat(failure(hosts.get(rank)))
                    .isEqualTo("rank 0 (127.0.0.1:" + port + ") ended the training: " + first);
        }
    }

    @Test
    void whatMustBeAlikeIsNamedWithBothValues() throws Exception {
        Future<Integer> first = start(hosts(3, 0), ALIKE, ProcessGroup::size);
        Future<Integer> good = start(hosts(3, 1), ALIKE, ProcessGroup::size);
        Future<Integer> other = start(hosts(3, 2), Map.of("seed", "7", "extra", "1"), ProcessGroup::size);
        String words = "extra is 1 on rank 2 \\(127.0.0.1:\\d+\\), and missing on rank 0; "
                + "model is missing on rank 2 \\S+, and tiny llama on rank 0; "
                + "seed is 7 on rank 2 \\S+, and 42 on rank 0. Set it alike on all hosts";
        assertThat(failure(first)).matches(words);
        assertThat(failure(other)).matches("rank 0 \\(127.0.0.1:" + port + "\\) ended the training: " + words);
        // it may not have come before the other one was refused
        assertThat(failure(good)).contains("rank 0 (127.0.0.1:" + port + ")");
    }

    @Test
    void anotherNumberOfHostsIsNamed() throws Exception {
        Future<Integer> first = start(hosts(2, 0), ALIKE, ProcessGroup::size);
        Future<Integer> other = start(hosts(3, 1), ALIKE, ProcessGroup::size);
        assertThat(failure(first)).contains("hosts is 3 on rank 1").contains("and 2 on rank 0");
        assertThat(failure(other)).contains("hosts is 3 on rank 1").contains("and 2 on rank 0");
    }

    // ---- strangers

    @Test
    void whoDoesNotKnowTheSecretIsRefusedAndTheOthersGoOn() throws Exception {
        Future<List<String>> first = start(hosts(2, 0), ALIKE, ProcessGroup::notes);
        Hosts wrong = Hosts.of(2, 1, "127.0.0.1", port, "another secret of it").timeout(Duration.ofSeconds(20));
        assertThat(failure(start(wrong, ALIKE, ProcessGroup::size)))
                .isEqualTo(
                        "rank 0 (127.0.0.1:" + port + "): its secret is another one. Set the same secret on all hosts");
        assertThat(first.isDone()).isFalse();
        start(hosts(2, 1), ALIKE, ProcessGroup::size).get();
        assertThat(first.get()).containsExactly("A connection from 127.0.0.1 was refused: its secret is another one.");
    }

    /** More of them than handshakes at a time: a host that finds no place tries again. */
    @Test
    void silenceAndNoiseHoldUpNobody() throws Exception {
        Future<Integer> first = start(hosts(2, 0), ALIKE, ProcessGroup::size);
        for (int i = 0; i < 20; i++) {
            try (Socket noise = connect()) {
                noise.getOutputStream().write(new byte[1000]);
            }
        }
        List<Socket> silent = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            silent.add(connect());
        }
        Future<Integer> joining = start(hosts(3, 1), ALIKE, ProcessGroup::size);
        assertThat(failure(joining)).as("it is heard while others are silent").contains("hosts is 3 on rank 1");
        failure(first);

        Future<Integer> again = start(hosts(2, 0), ALIKE, ProcessGroup::size);
        for (int i = 0; i < 100; i++) {
            silent.add(connect());
        }
        Future<Integer> other = start(hosts(2, 1), ALIKE, ProcessGroup::size);
        Thread.sleep(500);
        for (Socket socket : silent) {
            socket.close();
        }
        assertThat(other.get()).isEqualTo(2);
        assertThat(again.get()).isEqualTo(2);
        assertThatThrownBy(this::connect).as("nothing listens any more").isInstanceOf(IOException.class);
    }

    private Socket connect() throws IOException, InterruptedException {
        for (int i = 0; ; i++) {
            Socket socket = new Socket();
            try {
                socket.connect(new InetSocketAddress("127.0.0.1", port));
                return socket;
            } catch (IOException e) {
                socket.close();
                if (i == 20) {
                    throw e;
                }
                Thread.sleep(50);
            }
        }
    }

    /**
     * Whoever pretends to be rank 0 is not believed, and cannot join with what it hears. It can try guesses of the
     * secret on that, which is why the secret must be random.
     */
    @Test
    void whoOnlyPretendsToBeRank0IsNotBelieved() throws Exception {
        try (ServerSocket server = new ServerSocket(port, 5, InetAddress.getByName("127.0.0.1"))) {
            Future<Integer> other = start(hosts(2, 1), ALIKE, ProcessGroup::size);
            try (Socket accepted = server.accept()) {
                ByteBuffer hello = ByteBuffer.allocate(44)
                        .put("tunehost".getBytes(StandardCharsets.US_ASCII))
                        .putInt(Handshake.VERSION);
                accepted.getOutputStream().write(hello.array());
                accepted.getInputStream().readNBytes(80);
                byte[] welcome = new byte[33];
                welcome[0] = 1;
                accepted.getOutputStream().write(welcome);
                assertThat(failure(other)).contains("its secret is another one");
            }
        }
    }

    @Test
    void anotherVersionIsNamed() throws Exception {
        try (ServerSocket server = new ServerSocket(port, 5, InetAddress.getByName("127.0.0.1"))) {
            Future<Integer> other = start(hosts(2, 1), ALIKE, ProcessGroup::size);
            try (Socket accepted = server.accept()) {
                accepted.getOutputStream()
                        .write(ByteBuffer.allocate(44)
                                .put("tunehost".getBytes(StandardCharsets.US_ASCII))
                                .putInt(9)
                                .array());
                assertThat(failure(other)).contains("it speaks version 9 of the protocol, this host version 1");
            }
        }
    }

    /** What is changed on its way is not added up: each bit of a frame is signed, its length as well. */
    @Test
    void aChangedByteIsNoticed() throws Exception {
        for (int place : new int[] {3, 7, 8, 100, -1}) {
            try (ServerSocket between = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
                Future<Object> first = start(hosts(2, 0), ALIKE, group -> {
                    group.reduce(ByteBuffer.allocate(1000));
                    return null;
                });
                threads.submit(() -> {
                    forward(between, frame -> {
                        frame[place < 0 ? frame.length + place : place] ^= 1;
                        return List.of(frame);
                    });
                    return null;
                });
                Hosts through = Hosts.of(2, 1, "127.0.0.1", between.getLocalPort(), SECRET)
                        .timeout(Duration.ofSeconds(20));
                Future<Object> other = start(through, ALIKE, group -> {
                    group.reduce(ByteBuffer.allocate(1000));
                    group.allReduce(1);
                    return null;
                });
                assertThat(failure(first))
                        .as("byte " + place)
                        .matches("rank 1 \\(.*(signature is wrong|expected a frame).*");
                failure(other);
            }
            freePort();
        }
    }

    /** Each frame has a number that is signed with it. */
    @Test
    void aFrameThatIsLeftOutOrSentTwiceIsNoticed() throws Exception {
        for (boolean twice : new boolean[] {false, true}) {
            try (ServerSocket between = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
                Program<Object> program = group -> {
                    group.reduce(ByteBuffer.allocate(1000));
                    group.reduce(ByteBuffer.allocate(1000));
                    group.allReduce(1);
                    return null;
                };
                Future<Object> first = start(hosts(2, 0), ALIKE, program);
                threads.submit(() -> {
                    forward(between, frame -> twice ? List.of(frame, frame) : List.of());
                    return null;
                });
                Hosts through = Hosts.of(2, 1, "127.0.0.1", between.getLocalPort(), SECRET)
                        .timeout(Duration.ofSeconds(20));
                Future<Object> other = start(through, ALIKE, program);
                assertThat(failure(first)).as("twice: " + twice).contains("signature is wrong");
                failure(other);
            }
            freePort();
        }
    }

    /** Between rank 1 and rank 0: sends on what is made of the first frame behind the handshake, of 1000 bytes. */
    private void forward(ServerSocket between, Function<byte[], List<byte[]>> made) throws Exception {
        try (Socket other = between.accept();
                Socket first = connect()) {
            threads.submit(() -> {
                try (other) {
                    return first.getInputStream().transferTo(other.getOutputStream());
                }
            });
            first.getOutputStream().write(other.getInputStream().readNBytes(80));
            byte[] alike = other.getInputStream().readNBytes(8);
            first.getOutputStream().write(alike);
            int length = ByteBuffer.wrap(alike).getInt(4);
            first.getOutputStream().write(other.getInputStream().readNBytes(length + 32));
            byte[] frame = other.getInputStream().readNBytes(8 + 1000 + 32);
            for (byte[] sent : made.apply(frame)) {
                first.getOutputStream().write(sent);
            }
            other.getInputStream().transferTo(first.getOutputStream());
        }
    }

    // ---- hosts that do not come, go away or hang

    @Test
    void whoDoesNotComeIsNamed() throws Exception {
        Hosts first = hosts(4, 0).timeout(Duration.ofSeconds(3));
        Future<Integer> alone = start(first, ALIKE, ProcessGroup::size);
        Future<Integer> second = start(hosts(4, 2), ALIKE, ProcessGroup::size);
        String words = "rank 1, rank 3 did not come to 127.0.0.1:" + port
                + " in 3 s. Start the same program there, with this address";
        assertThat(failure(alone)).isEqualTo(words);
        assertThat(failure(second)).isEqualTo("rank 0 (127.0.0.1:" + port + ") ended the training: " + words);
        freePort();
        assertThat(failure(start(hosts(2, 1).timeout(Duration.ofSeconds(1)), ALIKE, ProcessGroup::size)))
                .startsWith("rank 0 (127.0.0.1:" + port + ") did not listen in 1 s: ");
    }

    /** Something else listens there, a proxy for example, and closes each connection. */
    @Test
    void whoOnlyClosesConnectionsIsNotTriedForEver() throws Exception {
        try (ServerSocket server = new ServerSocket(port, 5, InetAddress.getByName("127.0.0.1"))) {
            threads.submit(() -> {
                while (true) {
                    server.accept().close();
                }
            });
            assertThat(failure(start(hosts(2, 1).timeout(Duration.ofSeconds(2)), ALIKE, ProcessGroup::size)))
                    .startsWith("rank 0 (127.0.0.1:" + port + ") did not listen in 2 s: ");
        }
    }

    @Test
    void anAddressOfAnotherMachineIsNamed() {
        Hosts elsewhere = Hosts.of(2, 0, "192.0.2.1", port, SECRET); // of no machine: RFC 5737
        assertThatThrownBy(() -> ProcessGroup.join(elsewhere, ALIKE))
                .hasMessageContaining("rank 0 cannot listen at /192.0.2.1:" + port)
                .hasMessageContaining("The address must be one of the host with rank 0");
    }

    /** One that left before all were there may come again; a second one of the same rank may not. */
    @Test
    void aRankIsTakenOnce() throws Exception {
        Future<Integer> first = start(hosts(3, 0), ALIKE, ProcessGroup::size);
        Thread left = new Thread(() -> {
            try (ProcessGroup group = ProcessGroup.join(hosts(3, 1), ALIKE)) {
                throw new AssertionError("all " + group.size() + " were there");
            } catch (IOException e) {
                // interrupted, as it shall be
            }
        });
        left.start();
        Thread.sleep(1000);
        left.interrupt();
        left.join();
        List<Future<Integer>> two = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            two.add(start(hosts(3, 1), ALIKE, ProcessGroup::size));
        }
        while (two.stream().noneMatch(Future::isDone)) {
            Thread.sleep(20);
        }
        Future<Integer> refused = two.remove(two.get(0).isDone() ? 0 : 1);
        assertThat(failure(refused)).contains("that rank has joined already, from rank 1 (127.0.0.1:");
        start(hosts(3, 2), ALIKE, ProcessGroup::size).get();
        assertThat(two.get(0).get()).isEqualTo(3);
        assertThat(first.get()).isEqualTo(3);
    }

    @Test
    void aHostThatGoesAwayIsNamedOnAllOthers() throws Exception {
        List<Future<Object>> hosts = new ArrayList<>();
        for (int rank = 0; rank < 3; rank++) {
            hosts.add(start(hosts(3, rank), ALIKE, group -> {
                group.allReduce(1);
                if (group.rank() == 1) {
                    return null;
                }
                try {
                    group.reduce(ByteBuffer.allocate(100_000_000));
                    group.allReduce(1);
                } catch (IOException e) {
                    group.abort(e.getMessage());
                    throw e;
                }
                return null;
            }));
        }
        String words = "rank 1 \\(127.0.0.1:\\d+\\) is gone: .*";
        assertThat(failure(hosts.get(0))).matches(words);
        assertThat(failure(hosts.get(2))).matches("rank 0 \\(127.0.0.1:\\d+\\) ended the training: " + words);
    }

    @Test
    void aHostThatHangsIsNamed() throws Exception {
        Hosts first = hosts(2, 0).timeout(Duration.ofSeconds(1));
        Future<double[]> waiting = start(first, ALIKE, group -> group.allReduce(1));
        start(hosts(2, 1), ALIKE, group -> {
            Thread.sleep(20_000);
            return null;
        });
        assertThat(failure(waiting))
                .matches("rank 1 \\(.*\\) sent and took nothing for 1.0 s: it hangs, or cannot be reached any more");
    }

    // ---- interrupts

    @Test
    void anInterruptEndsTheWaitForOthersAndNoOperation() throws Exception {
        Future<String> waiting = threads.submit(() -> {
            Thread.currentThread().interrupt();
            try (ProcessGroup group = ProcessGroup.join(hosts(2, 0), ALIKE)) {
                return "joined";
            } catch (InterruptedIOException e) {
                return e.getMessage() + " " + Thread.interrupted();
            }
        });
        assertThat(waiting.get()).isEqualTo("the wait for other hosts was interrupted true");
        List<String> sums = all(2, group -> {
            Thread.currentThread().interrupt();
            double[] sum = group.allReduce(21);
            group.broadcast(ByteBuffer.allocate(50_000_000));
            return sum[0] + " " + Thread.interrupted();
        });
        assertThat(sums).containsExactly("42.0 true", "42.0 true");
    }
}
