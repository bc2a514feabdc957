/**
 * Models and data sets from ModelScope, Hugging Face, a mirror or a folder, kept in the cache that huggingface_hub
 * keeps. Knows nothing of what is in a model's files.
 *
 * <p>In order: {@code Hub} is what one asks; {@code HubSearch} finds the {@code HubSource} that has it;
 * {@code HubListing} names its {@code HubFile}s; {@code HubCache} fetches them by {@code HubClient} and keeps them.
 * {@code LocalHub} serves a folder as a hub.
 */
package io.tunebook.hub;
