package io.tunebook.cuda;

import ai.djl.Device;
import com.sun.jna.Pointer;
import com.sun.jna.ptr.PointerByReference;
import java.util.Optional;

/** A mark in a GPU's work: who waits for it waits for what was started before it, not for what was started later. */
public final class CudaEvent implements AutoCloseable {
    /** {@code CU_EVENT_DISABLE_TIMING}. */
    private static final int NO_TIME = 2;

    private final Device device;
    private final Pointer event;

    private CudaEvent(Device device) {
        this.device = device;
        CudaDevice.enter(device);
        PointerByReference created = new PointerByReference();
        ForeignFunction.EVENT_CREATE.require(created, NO_TIME);
        event = created.getValue();
    }

    /** One for a device; empty where it is no GPU, or one without {@link CudaDevice kernels}. */
    public static Optional<CudaEvent> on(Device device) {
        return device.isGpu() && CudaDevice.of(device).missing().isEmpty()
                ? Optional.of(new CudaEvent(device))
                : Optional.empty();
    }

    /** Marks what was started so far. */
    public void mark() {
        CudaDevice.enter(device);
        ForeignFunction.EVENT_RECORD.require(event, Pointer.NULL);
    }

    /**
     * Waits until that is done.
     *
     * @throws ai.djl.engine.EngineException if it failed
     */
    public void await() {
        CudaDevice.enter(device);
        ForeignFunction.EVENT_SYNCHRONIZE.require(event);
    }

    @Override
    public void close() {
        ForeignFunction.EVENT_DESTROY.status(event);
    }
}
