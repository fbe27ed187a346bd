// Where a command writes: results to standard output, everything else to standard error, each with colour only where it is seen.
// Comes in: the process's streams and environment. Goes out: plain functions to write whole texts.
// Holds: a reader that goes away (`ftlc … | head`) ends the command quietly; texts are written before the process ends.
import { writeSync } from "node:fs";
import type { WriteStream } from "node:tty";
import pc from "picocolors";
import { exitCodes } from "./exit.ts";

export type Colors = ReturnType<typeof pc.createColors>;

export interface Terminal {
  /** Results. A line end is added where the text has none. */
  readonly out: (text: string) => void;
  /** Results that come in pieces: no line end is added. */
  readonly write: (text: string) => void;
  /** Messages, progress, warnings. */
  readonly err: (text: string) => void;
  /** Standard error without a line end added: for a line that is drawn again. */
  readonly draw: (text: string) => void;
  readonly outColors: Colors;
  readonly errColors: Colors;
  /** Standard error is a terminal, where one line may be drawn again and again. */
  readonly live: boolean;
  /** Columns of standard error. */
  readonly columns: number;
}

export function openTerminal(): Terminal {
  const { stdout, stderr, env } = process;
  return {
    out: (text) => write(1, withEnd(text)),
    write: (text) => write(1, text),
    err: (text) => write(2, withEnd(text)),
    draw: (text) => write(2, text),
    outColors: pc.createColors(wantsColor(stdout, env)),
    errColors: pc.createColors(wantsColor(stderr, env)),
    live: stderr.isTTY && env["TERM"] !== "dumb" && env["CI"] === undefined,
    get columns() {
      return stderr.isTTY ? Math.max(20, stderr.columns) : 110;
    },
  };
}

function wantsColor(stream: WriteStream, env: NodeJS.ProcessEnv): boolean {
  if (env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "") return false;
  if (env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "") return env["FORCE_COLOR"] !== "0";
  return stream.isTTY && env["TERM"] !== "dumb";
}

function withEnd(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** Synchronously, because the process ends with process.exit; a full pipe is waited for. */
function write(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length;) {
    try {
      at += writeSync(descriptor, bytes, at);
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : undefined;
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
      else if (code === "EPIPE") process.exit(exitCodes.done);
      else throw error;
    }
  }
}
