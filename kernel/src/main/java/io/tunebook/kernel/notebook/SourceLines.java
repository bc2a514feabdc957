package io.tunebook.kernel.notebook;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.file.Path;

/** Where a cell's lines stand in the notebook's file. */
final class SourceLines {
    private SourceLines() {}

    /**
     * The line of the file.
     *
     * @param cell from 1
     * @param line of the cell's source, from 1; 0 for its begin
     * @return 1 if the file does not tell
     */
    static int of(Path notebook, int cell, int line) {
        try (JsonParser json = Notebook.JSON.getFactory().createParser(notebook.toFile())) {
            int cells = 0;
            while (json.nextToken() != null) {
                var context = json.getParsingContext();
                boolean source = json.currentToken() == JsonToken.FIELD_NAME
                        && "source".equals(json.currentName())
                        && context.getParent() != null
                        && context.getParent().inArray()
                        && "cells".equals(context.getParent().getParent().getCurrentName())
                        && context.getParent().getParent().getParent().inRoot();
                if (source && ++cells == cell) {
                    boolean lines = json.nextToken() == JsonToken.START_ARRAY;
                    for (int i = 1; lines && i <= Math.max(1, line); i++) {
                        if (json.nextToken() == JsonToken.END_ARRAY) {
                            break;
                        }
                    }
                    return json.currentTokenLocation().getLineNr();
                }
            }
        } catch (IOException e) {
            // the annotation is of use without its line
        }
        return 1;
    }
}
