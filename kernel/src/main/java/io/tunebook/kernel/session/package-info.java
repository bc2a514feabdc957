/** A person's session of Java and its settings, whichever frontend it has. */
package io.tunebook.kernel.session;
