/** Magics: lines that begin with a percent sign and are not Java. */
package io.tunebook.kernel.magic;
