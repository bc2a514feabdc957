/**
 * LoRA: its configuration, its factors, how they lie in memory, and PEFT's files.
 *
 * @see <a href="https://arxiv.org/abs/2106.09685">LoRA: Low-Rank Adaptation of Large Language Models</a>
 */
package io.tunebook.lora;
