#!/usr/bin/env node
// Starts the command line and ends the process with one of its exit codes: every error ends here, in words for the user.
// Holds: no stack is shown for what the user can mend; the process ends although Dawn would keep it alive.
import { enableCompileCache } from "node:module";
import { CommanderError } from "commander";
import { exitCodes, type ExitCode } from "./exit.ts";
import { report } from "./failure.ts";
import { openTerminal } from "./terminal.ts";

// A second start finds the program compiled to bytecode, in the system's folder for temporary files.
enableCompileCache();
const terminal = openTerminal();
process.on("uncaughtException", (error) => process.exit(report(error, terminal)));
process.on("unhandledRejection", (error) => process.exit(report(error, terminal)));
process.exit(await run());

async function run(): Promise<ExitCode> {
  try {
    const { runProgram } = await import("./program.ts");
    return await runProgram(process.argv.slice(2), terminal);
  } catch (error) {
    // Commander has written its message already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    return report(error, terminal);
  }
}
