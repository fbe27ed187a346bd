// `log.jsonl`: a line of JSON for every step and evaluation. Comes in: lines. Goes out: a file that is whole up to its last line.
// Holds: a line is written before the next step's is; a new run begins a new file.
import { mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { CheckpointError, systemReason } from "../checkpoint/error.ts";
import type { LogLine } from "./lines.ts";

export interface Log {
  readonly write: (line: LogLine) => Promise<void>;
  readonly close: () => Promise<void>;
}

export async function openLog(path: string): Promise<Log> {
  const told = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (cause) {
      throw new CheckpointError(path, `the log could not be written: ${systemReason(cause)}`, cause);
    }
  };
  await told(mkdir(dirname(path), { recursive: true }));
  const handle = await told(open(path, "w"));
  return {
    write: (line) => told(handle.appendFile(`${JSON.stringify(line)}\n`)),
    close: () => told(handle.close()),
  };
}
