/** The helper classes that Tunebook's notebooks use. */
package io.tunebook;
