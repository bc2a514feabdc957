/**
 * The course's pictures: SVG that code draws from the values of a cell. {@link io.tunebook.picture.Pictures},
 * {@link io.tunebook.picture.TokenPictures} and {@link io.tunebook.picture.ModelPictures} have a method for each. Those
 * of {@code Pictures} are drawn in {@code DataPictures}, {@code ServerPictures} and {@code TrainingPictures}. Each
 * picture is one nested class that draws with {@code Drawing} and takes its words from {@code Words}, so that another
 * language needs another {@code picture_xx.properties} and no other drawing. Knows nothing of how what it shows is
 * computed.
 */
package io.tunebook.picture;
