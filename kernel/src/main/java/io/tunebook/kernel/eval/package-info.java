/** Evaluates cells on JShell, in this process: values are objects, variables survive, everything can be interrupted. */
package io.tunebook.kernel.eval;
