package io.tunebook.tokenizer;

/** What a training template does with the thoughts of a model that thinks before it answers. */
public enum Thoughts {
    /**
     * The thought of the last answer is kept, as generation writes it after the template's generation prompt. An answer
     * without a thought is refused where the generation prompt opens one.
     */
    KEEP,
    /** As {@link #KEEP}, and an answer without a thought gets an empty one: the model learns to answer at once. */
    EMPTY,
    /** The template as it is, even where generation begins an answer otherwise. */
    AS_TEMPLATE
}
