/** The model itself: its dimensions, its weights from GGUF or safetensors, and what runs it. */
package io.tunebook.model;
