package io.tunebook.model.family;

import io.tunebook.tensors.ModelFormatException;
import java.nio.file.Path;
import java.util.List;

/** What every configuration must keep to, whichever file it is from. */
final class ConfigCheck {
    private static final int MAX_LAYERS = 4096;

    private ConfigCheck() {}

    static ModelConfig checked(ModelConfig c, Path file) throws ModelFormatException {
        if (c.heads() % c.kvHeads() != 0) {
            throw new ModelFormatException(
                    file, "expected query heads that key heads divide, found " + c.heads() + " and " + c.kvHeads());
        }
        if (c.headDim() < 2 || c.headDim() % 2 != 0) {
            throw new ModelFormatException(file, "expected an even head width, found " + c.headDim());
        }
        if (c.rotaryWidth() < 2 || c.rotaryWidth() % 2 != 0 || c.rotaryWidth() > c.headDim()) {
            throw new ModelFormatException(
                    file,
                    "expected an even number of rotated dimensions up to " + c.headDim() + ", found "
                            + c.rotaryWidth());
        }
        if (c.ropeScaling().isPresent() && c.ropeScaling().get() instanceof RopeScaling.LongRope both) {
            for (List<Float> divisors : List.of(both.shortDivisors(), both.longDivisors())) {
                if (divisors.size() != c.rotaryWidth() / 2) {
                    throw new ModelFormatException(
                            file, "LongRoPE: expected " + c.rotaryWidth() / 2 + " factors, found " + divisors.size());
                }
            }
        }
        if (c.experts().filter(e -> e.count() < 2 || e.chosen() > e.count()).isPresent()) {
            throw new ModelFormatException(
                    file,
                    "expected no fewer experts than a token has, found "
                            + c.experts().get());
        }
        if (c.layers() > MAX_LAYERS) {
            throw new ModelFormatException(file, "expected at most " + MAX_LAYERS + " layers, found " + c.layers());
        }
        return c;
    }
}
