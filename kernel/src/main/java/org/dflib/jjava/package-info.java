/** The names by which notebooks that were written for JJava reach their kernel. */
package org.dflib.jjava;
