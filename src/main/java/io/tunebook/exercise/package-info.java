/** What notebooks and exercises are checked with, the course's data wherever they lie, and a server that fails on purpose. */
package io.tunebook.exercise;
