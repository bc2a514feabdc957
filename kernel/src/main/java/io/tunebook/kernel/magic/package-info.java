/**
 * Magics: lines that begin with a percent sign and are not Java. Knows nothing of Jupyter's messages.
 *
 * <p>In order: {@code Magics} cuts a cell and runs its pieces; each {@code Magic} is a row of one of the tables
 * {@code SessionMagics}, {@code PathMagics}, {@code ShellMagics}, {@code TimeMagics}, {@code MavenMagics} and
 * {@code JvmMagic}. {@code Shell} starts programs; {@code MavenResolution} and {@code MavenPom} find libraries.
 */
package io.tunebook.kernel.magic;
