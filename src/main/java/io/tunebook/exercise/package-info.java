/** What exercises are checked with. */
package io.tunebook.exercise;
