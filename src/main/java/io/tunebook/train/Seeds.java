package io.tunebook.train;

/** A seed of its own for each use. */
final class Seeds {
    private Seeds() {}

    /** By the finaliser of SplitMix64 (Steele, Lea and Flood, 2014). */
    static long mix(long seed, long use) {
        long z = seed + use * 0x9e3779b97f4a7c15L;
        z = (z ^ z >>> 30) * 0xbf58476d1ce4e5b9L;
        z = (z ^ z >>> 27) * 0x94d049bb133111ebL;
        return z ^ z >>> 31;
    }
}
