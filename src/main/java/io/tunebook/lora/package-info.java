/**
 * LoRA: its configuration, its factors, how they lie in memory, how they are attached to a model and merged into it,
 * and PEFT's files. Knows nothing of training.
 *
 * <p>In order: {@code LoraConfig} is what is asked, with a {@code ModulePattern} for names; {@code LoraLayout} says
 * where each factor lies; {@code FreshFactors} are their first values; {@code LoraAdapter} is what one works with;
 * {@code AdapterFile} writes PEFT's files and {@code AdapterReader} reads them, with {@code EmbeddingsReader},
 * {@code AdapterEmbeddings}, {@code ExpertNames} and {@code AdapterTokenizer} for what an adapter changes besides;
 * {@code AdapterGguf} writes llama.cpp's.
 *
 * @see <a href="https://arxiv.org/abs/2106.09685">LoRA: Low-Rank Adaptation of Large Language Models</a>
 */
package io.tunebook.lora;
