package io.tunebook.prepare;

import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.util.List;

/** The most that the heap held since a moment, garbage included, as the JVM's own counters have it. */
final class HeapPeak {
    private HeapPeak() {}

    private static List<MemoryPoolMXBean> pools() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(p -> p.getType() == MemoryType.HEAP && p.isValid())
                .toList();
    }

    static void reset() {
        pools().forEach(MemoryPoolMXBean::resetPeakUsage);
    }

    static long bytes() {
        return pools().stream().mapToLong(p -> p.getPeakUsage().getUsed()).sum();
    }
}
