package io.tunebook.train;

import ai.djl.Device;
import java.time.Duration;

/** How fast steps follow one another, and what they leave of the time. */
final class Pace {
    private static final long SECOND = 1_000_000_000L;

    private final Device device;
    private final int first;
    private final int planned;
    private final long start = System.nanoTime();
    private long before = start;
    private long memory;
    private long memoryAsked;
    private boolean warm;
    private int tokensBefore;
    private double secondsBefore;

    /**
     * A run that goes on now.
     *
     * @param first how many steps were done before
     * @param planned how many steps there are in all
     */
    Pace(Device device, int first, int planned) {
        this.device = device;
        this.first = first;
        this.planned = planned;
    }

    /**
     * A step whose results are there. It took the time since the results of the one before, or since it was begun, if that was later. A GPU is not waited for, and
     * results of two steps may come at once: there a step's speed is that of it and of the one before. The first one, which prepares much, counts alone.
     *
     * @param begun in nanoseconds
     */
    TrainingReport.Step step(int step, double epoch, double loss, double rate, double norm, int tokens, long begun) {
        long now = System.nanoTime();
        double seconds = (now - Math.max(before, begun)) / 1e9;
        before = now;
        double speed = (tokens + tokensBefore) / (seconds + secondsBefore);
        if (device.isGpu() && warm) {
            tokensBefore = tokens;
            secondsBefore = seconds;
        }
        warm = true;
        Duration left = Duration.ofNanos((now - start) / (step - first) * (planned - step));
        return new TrainingReport.Step(step, epoch, loss, rate, norm, speed, memory(now), left);
    }

    /** Bytes in use; the question takes its time, so it is asked once a second at most. */
    private long memory(long now) {
        if (memory == 0 || now - memoryAsked > SECOND) {
            memory = MemoryEstimate.used(device);
            memoryAsked = now;
        }
        return memory;
    }
}
