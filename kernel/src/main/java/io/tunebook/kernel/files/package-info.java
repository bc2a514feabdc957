/**
 * Files written whole, and JSON. Knows nothing of the rest of the kernel.
 *
 * <p>{@code AtomicWrite} writes beside a file and moves into place; {@code PlainJson} has the mapper that all share who
 * need no settings of their own.
 */
package io.tunebook.kernel.files;
