/**
 * The template language in which models' chat templates are written: a lexer, a parser, an interpreter and the built-in
 * filters, tests and functions of Jinja2. A rendering also tells which span of the text came from which element of a
 * loop. Knows nothing of tokenizers or models.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/">Jinja's template designer documentation</a>
 */
package io.tunebook.jinja;
