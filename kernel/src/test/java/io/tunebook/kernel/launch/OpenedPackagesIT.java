package io.tunebook.kernel.launch;

import static org.assertj.core.api.Assertions.assertThat;

import io.tunebook.kernel.install.InstalledKernel;
import java.io.IOException;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;

/** The jar opens by its manifest what a kernel from a folder of classes is given as options. */
class OpenedPackagesIT {
    @Test
    void theJarOpensTheSame() throws IOException {
        try (JarFile jar = new JarFile(InstalledKernel.jar().toFile())) {
            assertThat(jar.getManifest()
                            .getMainAttributes()
                            .getValue("Add-Opens")
                            .split(" "))
                    .containsExactlyElementsOf(KernelProcess.OPENED.stream()
                            .map("java.base/"::concat)
                            .toList());
        }
    }
}
