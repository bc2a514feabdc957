/**
 * The debugger: cells stop at breakpoints, are stepped through and looked into, over the Debug Adapter Protocol. It
 * works inside the process, without the JVM's debug interface: from the moment a frontend attaches, the bytecode of
 * cells asks at each line whether it is to stop. Before that nothing is different, and there is no port at any time.
 * Knows nothing of Jupyter's messages.
 *
 * <p>In order: {@code DebugAdapter} takes requests about a {@code DebugTarget}; {@code Instrument} and
 * {@code LineProbe} change the bytecode, which calls {@code Hooks} and holds {@code Frame}s; {@code Debugger} stops
 * threads; {@code VariableTree} and {@code SourceType} show values; {@code Evaluation} runs Java in a frame, with the
 * {@code FrameValues} variables; {@code CellFiles} are the files that frontends think of.
 */
package io.tunebook.kernel.debug;
