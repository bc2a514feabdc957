/**
 * LoRA: its configuration, its factors, how they lie in memory, how they are attached to a model and merged into it, and PEFT's files. Knows nothing of training.
 *
 * @see <a href="https://arxiv.org/abs/2106.09685">LoRA: Low-Rank Adaptation of Large Language Models</a>
 */
package io.tunebook.lora;
