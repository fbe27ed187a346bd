// Settings of the JavaScript engine for a command that is over in a second. Nothing that a program computes depends on them.
import { setFlagsFromString } from "node:v8";

/**
 * Holds V8's second optimizing compiler back until code has run much longer. In a short run most of what it makes comes too late
 * to pay, and it takes the core that the first one and the garbage collector work on: a plan of 80 layers takes 20 % less
 * processor time so, one of 320 layers 18 %. Known of V8 13, Node 24's; a version that is not is left as it is.
 */
export function settleForShortRun(): void {
  if (process.versions.v8.startsWith("13.")) setFlagsFromString("--invocation-count-for-turbofan=100000");
}
