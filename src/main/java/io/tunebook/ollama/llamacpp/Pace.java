package io.tunebook.ollama.llamacpp;

/**
 * How many threads compute the next token: all, or only one while other programs use the cores. llama.cpp's threads
 * wait for one another some hundred times a token, and by spinning: where one of them has to leave its core for another
 * program, all the others wait, and a token takes up to a hundred times as long. One thread alone waits for nobody. So
 * the first two tokens are computed by one thread, which says how long that takes, and then all are tried; as soon as
 * they are slower than the one was, it goes on alone for some tokens, for twice as many each time they are slower
 * again.
 */
final class Pace {
    /**
     * All threads go on as long as a token takes no longer than one thread's by so much: an odd token is late on any
     * machine.
     */
    private static final double SLOWER = 1.2;

    private static final int FIRST = 8;
    private static final int MOST = 256;

    private final int all;
    private int alone = 2;
    private int pause = FIRST;
    private long byOne = Long.MAX_VALUE;

    Pace(int all) {
        this.all = all;
    }

    /** How many threads compute the next token. */
    int threads() {
        return alone > 0 ? 1 : all;
    }

    /** The token was computed, in so many nanoseconds. */
    void took(long nanoseconds) {
        if (alone > 0) {
            alone--;
            byOne = nanoseconds;
        } else if (nanoseconds > SLOWER * byOne) {
            alone = pause;
            pause = Math.min(MOST, 2 * pause);
        } else {
            pause = FIRST;
        }
    }
}
