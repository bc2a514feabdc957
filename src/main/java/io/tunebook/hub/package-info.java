/**
 * Models and data sets from ModelScope, Hugging Face, a mirror or a folder, kept in the cache that huggingface_hub
 * keeps.
 */
package io.tunebook.hub;
