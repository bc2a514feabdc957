/** What notebooks and exercises are checked with, and a server that fails on purpose. */
package io.tunebook.exercise;
