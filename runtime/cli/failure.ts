// Every error as the user should read it. Comes in: whatever was thrown. Goes out: a message on standard error and the exit code.
// Holds: one clear message each; what ftlc did not foresee is called a bug of ftlc, its stack shown only under FTL_DEBUG=1.
import { CheckpointError } from "../checkpoint/error.ts";
import { DataError } from "../data/error.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { shortPaths } from "./files.ts";
import type { Terminal } from "./terminal.ts";

export function report(error: unknown, terminal: Terminal): ExitCode {
  const { message, advice, code, bug } = describe(error);
  const { bold, dim, red } = terminal.errColors;
  terminal.err(`${red(bold("error"))}: ${shortPaths(message)}`);
  for (const line of advice) terminal.err(`  ${line}`);
  if (process.env["FTL_DEBUG"] === "1" && error instanceof Error) terminal.err(dim(stackOf(error)));
  else if (bug)
    terminal.err("  this is a bug of ftlc: please report it; FTL_DEBUG=1 shows where it happened");
  return code;
}

interface Described {
  readonly message: string;
  readonly advice: readonly string[];
  readonly code: ExitCode;
  readonly bug: boolean;
}

function describe(error: unknown): Described {
  const known = (
    message: string,
    code: ExitCode = exitCodes.failed,
    advice: readonly string[] = [],
  ): Described => ({
    message,
    advice,
    code,
    bug: false,
  });
  if (error instanceof Failure) return known(error.message, error.code, error.advice);
  if (error instanceof CheckpointError) return known(error.message);
  if (error instanceof DataError) {
    const [only, ...more] = error.message.split("\n");
    return known(
      more.length === 0 ? (only ?? "") : `wrong rows of data\n  ${error.message.replaceAll("\n", "\n  ")}`,
    );
  }
  // By name, because importing these would load Dawn for a mistake in a recipe.
  const name = error instanceof Error ? error.name : "";
  const message = error instanceof Error ? error.message : String(error);
  if (name === "NoDeviceError") return known(message, exitCodes.noDevice);
  if (name === "UnfitDeviceError") return known(message, exitCodes.refused);
  if (deviceErrors.has(name)) return known(message);
  return { message: message === "" ? name : message, advice: [], code: exitCodes.failed, bug: true };
}

/** The device failed or went away, or training diverged; what was saved before is whole. */
const deviceErrors: ReadonlySet<string> = new Set(["DeviceError", "DeviceLostError", "TrainingError"]);

function stackOf(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${stackOf(error.cause)}` : "";
  return `${error.stack ?? error.message}${cause}`;
}
