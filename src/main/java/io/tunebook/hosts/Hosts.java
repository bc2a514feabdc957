package io.tunebook.hosts;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Map;

/**
 * Which hosts work together, and which of them this process is. Each host runs one process, with the same program and a
 * rank of its own. Rank 0 listens at the rendezvous address, and only there; the others connect to it.
 *
 * <pre>{@code
 * Hosts.of(2, 0, "192.168.1.5", 29500, secret)    // on the first host, whose address this is
 * Hosts.of(2, 1, "192.168.1.5", 29500, secret)    // on the second one
 * }</pre>
 *
 * @param count of all hosts, at most {@value #MOST}; 1 for this one alone, which opens no port
 * @param rank of this host, from 0
 * @param address of rank 0, as the others reach it: a name or an IP address
 * @param port at which rank 0 listens
 * @param secret that all hosts know and nobody else: a random text of at least {@value #SECRET} characters, for example
 *     of {@code openssl rand -hex 32}. Whoever does not know it can neither join nor send anything; who hears the hosts
 *     meet can try guesses at home. What is sent is signed with it and not encrypted
 * @param timeout how long hosts wait for one another: at the beginning, and then for each piece of what is sent
 */
public record Hosts(int count, int rank, String address, int port, HostSecret secret, Duration timeout) {
    /** The most hosts; rank 0 has a connection and a thread for each. */
    public static final int MOST = 64;

    /** The shortest secret, in characters. */
    public static final int SECRET = 16;

    private static final Duration TEN_MINUTES = Duration.ofMinutes(10);
    private static final String SECRET_VARIABLE = "TUNEBOOK_HOSTS_SECRET";

    /** @throws IllegalArgumentException if a value is out of its range; the message names it, but never the secret */
    public Hosts {
        require(count >= 1 && count <= MOST, "count: expected 1 to " + MOST + " hosts, found " + count);
        require(rank >= 0 && rank < count, "rank: expected 0 to " + (count - 1) + ", found " + rank);
        require(address != null && !address.isBlank(), "address: expected that of the host with rank 0, found none");
        require(port >= 1 && port <= 65535, "port: expected 1 to 65535, found " + port);
        require(secret != null, "secret: expected a text that all hosts know, found none");
        int characters = secret.text().length();
        require(
                count == 1 || characters >= SECRET,
                "secret: expected at least " + SECRET + " characters, found " + characters);
        require(
                timeout != null && !timeout.isNegative() && !timeout.isZero(),
                "timeout: expected a positive time, found " + timeout);
    }

    /** Hosts that wait ten minutes for one another. */
    public static Hosts of(int count, int rank, String address, int port, String secret) {
        return new Hosts(count, rank, address, port, HostSecret.of(secret), TEN_MINUTES);
    }

    /**
     * What the environment says, by the names that PyTorch uses: {@code WORLD_SIZE} hosts, this one being {@code RANK},
     * meet at {@code MASTER_ADDR} (default 127.0.0.1) and {@code MASTER_PORT} (default 29500). The secret is
     * {@code TUNEBOOK_HOSTS_SECRET}. Start the program by itself on each host and not under {@code torchrun}, whose own
     * agent listens at {@code MASTER_PORT}, so that rank 0 cannot.
     *
     * @throws IllegalArgumentException if one is missing or out of its range
     */
    public static Hosts fromEnvironment() {
        return from(System.getenv());
    }

    static Hosts from(Map<String, String> variables) {
        int count = number(variables, "WORLD_SIZE", null);
        return of(
                count,
                number(variables, "RANK", null),
                variables.getOrDefault("MASTER_ADDR", "127.0.0.1"),
                number(variables, "MASTER_PORT", "29500"),
                count == 1 ? "" : value(variables, SECRET_VARIABLE, null));
    }

    private static int number(Map<String, String> variables, String name, String otherwise) {
        String value = value(variables, name, otherwise);
        try {
            return Integer.parseInt(value.strip());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(name + ": expected a whole number, found " + value, e);
        }
    }

    private static String value(Map<String, String> variables, String name, String otherwise) {
        String value = variables.getOrDefault(name, otherwise);
        require(value != null, name + ": expected a value in the environment of each host, found none");
        return value;
    }

    /** The same hosts that wait so long for one another. */
    public Hosts timeout(Duration value) {
        return new Hosts(count, rank, address, port, secret, value);
    }

    /**
     * The rendezvous address.
     *
     * @throws IllegalArgumentException if it stands for all addresses of a machine
     * @throws UnknownHostException if the name is not known
     */
    InetAddress resolved() throws UnknownHostException {
        InetAddress resolved = InetAddress.getByName(address);
        require(
                !resolved.isAnyLocalAddress(),
                "address: expected the one at which the other hosts reach rank 0, found " + address);
        return resolved;
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalArgumentException(otherwise);
        }
    }

    /** All but the secret. */
    @Override
    public String toString() {
        return "rank " + rank + " of " + count + " hosts, which meet at " + address + ":" + port;
    }
}
