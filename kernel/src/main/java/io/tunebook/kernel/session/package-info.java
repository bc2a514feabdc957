/**
 * A person's session of Java and its settings, whichever frontend it has. Knows nothing of Jupyter's messages and of
 * notebook files.
 *
 * <p>In order: {@code Settings} are what the environment says; {@code Session} joins magics, the evaluator and what is
 * displayed.
 */
package io.tunebook.kernel.session;
