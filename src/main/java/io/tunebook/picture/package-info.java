/**
 * The course's pictures: SVG that code draws from the values of a cell. {@link io.tunebook.picture.Pictures} has a method
 * for each; a picture is one file that draws with {@code Drawing} and takes its words from {@code Words}, so that another
 * language needs another {@code picture_xx.properties} and no other drawing.
 */
package io.tunebook.picture;
