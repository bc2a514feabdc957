/**
 * Files whole or not at all, checksums, JSON and child processes: what every room needs and none should have of its
 * own. It knows nothing of models, texts or networks.
 */
package io.tunebook.files;
