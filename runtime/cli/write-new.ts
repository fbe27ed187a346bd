// Writing a file for the user that was not there before.
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { systemReason } from "../checkpoint/error.ts";
import { exitCodes, Failure } from "./exit.ts";

/** Writes the file and the folders above it. Holds: what is there already is never overwritten. */
export function writeNew(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new Failure(`${path} is there already and was left as it is`, exitCodes.failed, [
        "name another place, or move it away",
      ]);
    }
    throw new Failure(`${path}: ${systemReason(error)}`);
  }
}
