/**
 * The debugger: cells stop at breakpoints, are stepped through and looked into, over the Debug Adapter Protocol. It works inside the process, without the JVM's
 * debug interface: from the moment a frontend attaches, the bytecode of cells asks at each line whether it is to stop. Before that nothing is different, and there
 * is no port at any time.
 */
package io.tunebook.kernel.debug;
