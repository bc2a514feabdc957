package io.tunebook.hosts;

import java.io.IOException;
import java.net.ProtocolException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * How two hosts prove to each other that they know the secret, without sending it. Rank 0 sends a random number, the
 * other host its rank, a random number of its own and the HMAC-SHA256 (RFC 2104) of both; rank 0 answers with another
 * one. The keys that frames are signed with follow from the same numbers, one for each direction, so that nothing of an
 * earlier connection is valid in this one. What is read has a fixed length.
 */
final class Handshake {
    /** Another number for each change of what is sent. */
    static final int VERSION = 1;

    private static final byte[] MAGIC = "tunehost".getBytes(StandardCharsets.US_ASCII);
    private static final int RANDOM = 32;
    private static final int SIGNATURE = 32;
    private static final String ALGORITHM = "HmacSHA256";

    private Handshake() {}

    /**
     * A connection to a host that knows the secret.
     *
     * @param rank of the other host, as it says
     * @param outgoing signs what is sent
     * @param incoming checks what is received
     */
    record Proven(int rank, Mac outgoing, Mac incoming) {}

    /** @throws IOException if the other side is no host of this training; the message says how it was seen */
    static Proven asFirst(TimedChannel channel, String secret) throws IOException {
        byte[] own = random();
        channel.write(begin(RANDOM).put(own).flip());
        ByteBuffer hello = read(channel, MAGIC.length + 2 * Integer.BYTES + RANDOM + SIGNATURE);
        requireBeginning(hello);
        int rank = hello.getInt();
        byte[] other = bytes(hello, RANDOM);
        byte[] proof = bytes(hello, SIGNATURE);
        boolean known = MessageDigest.isEqual(proof, sign(secret, "proof of another rank", rank, own, other));
        byte[] answer = known ? sign(secret, "proof of rank 0", rank, own, other) : new byte[SIGNATURE];
        channel.write(ByteBuffer.allocate(1 + SIGNATURE)
                .put((byte) (known ? 1 : 0))
                .put(answer)
                .flip());
        if (!known) {
            throw new ProtocolException("its secret is another one");
        }
        return new Proven(
                rank,
                mac(sign(secret, "frames of rank 0", rank, own, other)),
                mac(sign(secret, "frames of another rank", rank, own, other)));
    }

    /** @throws IOException if rank 0 does not know the same secret, or something else listens there */
    static Proven asOther(TimedChannel channel, String secret, int rank) throws IOException {
        ByteBuffer hello = read(channel, MAGIC.length + Integer.BYTES + RANDOM);
        requireBeginning(hello);
        byte[] first = bytes(hello, RANDOM);
        byte[] own = random();
        channel.write(begin(Integer.BYTES + RANDOM + SIGNATURE)
                .putInt(rank)
                .put(own)
                .put(sign(secret, "proof of another rank", rank, first, own))
                .flip());
        ByteBuffer answer = read(channel, 1 + SIGNATURE);
        boolean welcome = answer.get() == 1;
        byte[] proof = bytes(answer, SIGNATURE);
        if (!welcome || !MessageDigest.isEqual(proof, sign(secret, "proof of rank 0", rank, first, own))) {
            throw new ProtocolException("its secret is another one. Set the same secret on all hosts");
        }
        return new Proven(
                0,
                mac(sign(secret, "frames of another rank", rank, first, own)),
                mac(sign(secret, "frames of rank 0", rank, first, own)));
    }

    private static ByteBuffer begin(int more) {
        return ByteBuffer.allocate(MAGIC.length + Integer.BYTES + more)
                .put(MAGIC)
                .putInt(VERSION);
    }

    private static void requireBeginning(ByteBuffer hello) throws ProtocolException {
        if (!MessageDigest.isEqual(bytes(hello, MAGIC.length), MAGIC)) {
            throw new ProtocolException("it speaks another protocol");
        }
        int version = hello.getInt();
        if (version != VERSION) {
            throw new ProtocolException("it speaks version " + version + " of the protocol, this host version "
                    + VERSION + ". Use the same version of Tunebook on all hosts");
        }
    }

    private static ByteBuffer read(TimedChannel channel, int bytes) throws IOException {
        ByteBuffer into = ByteBuffer.allocate(bytes);
        channel.read(into);
        return into.flip();
    }

    private static byte[] bytes(ByteBuffer from, int count) {
        byte[] bytes = new byte[count];
        from.get(bytes);
        return bytes;
    }

    private static byte[] random() {
        byte[] bytes = new byte[RANDOM];
        new SecureRandom().nextBytes(bytes);
        return bytes;
    }

    private static byte[] sign(String secret, String purpose, int rank, byte[] first, byte[] other) {
        Mac mac = mac(secret.getBytes(StandardCharsets.UTF_8));
        mac.update(ByteBuffer.allocate(2 * Integer.BYTES)
                .putInt(VERSION)
                .putInt(rank)
                .flip());
        mac.update(first);
        mac.update(other);
        return mac.doFinal(purpose.getBytes(StandardCharsets.US_ASCII));
    }

    private static Mac mac(byte[] key) {
        try {
            Mac mac = Mac.getInstance(ALGORITHM);
            mac.init(new SecretKeySpec(key, ALGORITHM));
            return mac;
        } catch (GeneralSecurityException e) {
            throw new AssertionError("every Java has " + ALGORITHM, e);
        }
    }
}
