package io.tunebook.exercise;

import java.io.FileNotFoundException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The course's data, wherever a notebook lies. A program that grades exercises, such as nbgrader, copies a notebook
 * into a folder of its own and runs it there, where {@code ../data} is not what it was.
 */
public final class CourseData {
    private CourseData() {}

    /**
     * Finds a file or folder of {@code notebooks/data}. It looks into {@code data} and {@code notebooks/data} of the
     * working folder and of each folder above it, and then where the environment variable {@code TUNEBOOK_DATA} points,
     * which the set-up writes into the kernel's description.
     *
     * @param name such as {@code wudao} or {@code questions.jsonl}
     * @throws FileNotFoundException if it is in none of these places
     */
    public static Path path(String name) throws FileNotFoundException {
        return path(name, Path.of("").toAbsolutePath(), Optional.ofNullable(System.getenv("TUNEBOOK_DATA")));
    }

    static Path path(String name, Path folder, Optional<String> variable) throws FileNotFoundException {
        Stream<Path> above = Stream.iterate(folder, f -> f != null, Path::getParent)
                .flatMap(f -> Stream.of(f.resolve("data"), f.resolve("notebooks/data")));
        return Stream.concat(above, variable.stream().map(Path::of))
                .map(data -> data.resolve(name))
                .filter(Files::exists)
                .findFirst()
                .orElseThrow(() -> new FileNotFoundException("The course's data " + name + " is neither in data nor in"
                        + " notebooks/data of " + folder + " or a folder above it, nor where TUNEBOOK_DATA points ("
                        + variable.orElse("not set")
                        + "). Set TUNEBOOK_DATA to the course's folder notebooks/data before the kernel starts."));
    }
}
